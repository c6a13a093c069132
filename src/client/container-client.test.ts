import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { ContainerClient } from "./container-client.ts";
import type { ProgramCredential } from "./program-credential.ts";

let answer: (request: Request) => Response = () => new Response();
let server: ReturnType<typeof Bun.serve>;
let seen: { readonly url: string; readonly headers: Headers } | null = null;

beforeAll(() => {
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      // Once a request is answered, Bun shows its headers no more.
      seen = { url: request.url, headers: new Headers(request.headers) };
      return answer(request);
    },
  });
});
afterAll(() => server.stop(true));

const client = (credential: ProgramCredential | null = null) =>
  new ContainerClient({
    place: { id: "b".repeat(24), project_id: "a".repeat(24), server: "local" },
    containersUrl: `http://containers.localhost:${server.port}`,
    credential,
    fetch: (url, init) => fetch(url, init),
  });

const shown = () => {
  const url = new URL(seen?.url ?? "");
  const { authorization, cookie, "x-api-token": token } = Object.fromEntries(seen?.headers ?? []);
  return { authorization, cookie, token, path: url.pathname + url.search };
};

describe("a request to a program carries", () => {
  const cases: [string, ProgramCredential | null, object][] = [
    ["nothing", null, {}],
    ["a JWT", { type: "jwt", token: "j" }, { authorization: "Bearer j" }],
    ["a JWT in a cookie", { type: "jwt", token: "j", cookie: "auth" }, { cookie: "auth=j" }],
    ["a JWT in a header", { type: "jwt", token: "j", header: "X-Api-Token" }, { token: "j" }],
    [
      "a name and password",
      { type: "password", username: "ä", password: "p:w" },
      { authorization: `Basic ${Buffer.from("ä:p:w").toString("base64")}` },
    ],
    ["a token", { type: "token", value: "t" }, { authorization: "Bearer t" }],
    ["a token in a header", { type: "token", value: "t", header: "x-api-token" }, { token: "t" }],
    [
      "a token in a parameter",
      { type: "token", value: "t&u", param: "key" },
      { path: "/ls?a=1&key=t%26u" },
    ],
  ];
  test.each(cases)("%s", async (_what, credential, expected) => {
    answer = () => new Response("fine");
    const response = await client(credential).fetch("terminal", 2, "/ls?a=1");
    expect(await response.text()).toBe("fine");
    expect(seen?.headers.get("host")).toStartWith(
      `${"a".repeat(24)}-${"b".repeat(24)}-terminal-2.local.containers.localhost:`,
    );
    expect(shown()).toEqual({
      authorization: undefined,
      cookie: undefined,
      token: undefined,
      path: "/ls?a=1",
      ...expected,
    } as ReturnType<typeof shown>);
  });

  test("a cookie beside those of the caller", async () => {
    const box = client({ type: "token", value: "t", cookie: "key" });
    await box.fetch("terminal", 1, "/", { headers: { cookie: "a=b" } });
    expect(shown().cookie).toBe("a=b; key=t");
  });
});

test.each(["", "ls", "//evil.example/", "http://evil.example/", "\\\\evil.example"])(
  "the path %j leads to no other host: the request is not made",
  async (path) => {
    seen = null;
    const box = client({ type: "jwt", token: "j" });
    await expect(box.fetch("terminal", 1, path)).rejects.toBeInstanceOf(TypeError);
    expect(seen).toBeNull();
  },
);

test("a redirect is not followed: it may lead elsewhere, and the credential with it", async () => {
  answer = () => Response.redirect("http://elsewhere.example/", 302);
  const box = client({ type: "token", value: "t", header: "x-api-token" });
  expect((await box.fetch("terminal", 1, "/")).status).toBe(302);
});

describe("a command in a terminal", () => {
  test("is answered with what the program says, as JSON or text", async () => {
    answer = () => Response.json({ stdout: "x" });
    const { execution } = client().terminal;
    expect((await execution.execute({ command: "ls" })).data).toEqual({ stdout: "x" });
    answer = () => new Response("plain");
    expect((await execution.execute({ command: "ls" })).data).toBe("plain");
  });

  test("is refused with the code of the gate", async () => {
    answer = () =>
      Response.json({ message: "Access is denied", code: "not_granted" }, { status: 403 });
    await expect(client().terminal.execution.execute({ command: "ls" })).rejects.toMatchObject({
      name: "ApiError",
      statusCode: 403,
      code: "not_granted",
      message: "Access is denied",
    });
  });
});

test("an inspected client shows no credential", () => {
  const box = client({ type: "password", username: "u", password: "topsecret" });
  for (const text of [Bun.inspect(box), inspect(box, { depth: 9, showHidden: true })]) {
    expect(text).not.toContain("topsecret");
  }
});
