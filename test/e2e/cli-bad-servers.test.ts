// What the command line makes of servers that are away, broken, busy or hostile: one line each, no stack trace, nothing that a
// terminal obeys.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { safeText } from "../../src/cli/terminal/safe-text.ts";
import { selfSigned } from "../harness/certificate.ts";
import { type CommandLine, commandLine } from "../harness/command-line.ts";

// Every command is a process of its own, on a machine that may have others to run.
setDefaultTimeout(30_000);

let line: CommandLine;

beforeAll(() => {
  line = commandLine({ REALMGATE_TOKEN: "hdy_token" });
});

afterAll(() => line[Symbol.dispose]());

function listAt(url: string) {
  return line.run(["projects", "list", "--base-url", url]);
}

/** A listener that was there a moment ago. */
function deadPort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

function refusal(status: number, code: string, message: string, headers = {}): Response {
  return Response.json({ statusCode: status, error: "E", message, code }, { status, headers });
}

describe("a server that is not there", () => {
  test("nothing listens", async () => {
    const url = `http://127.0.0.1:${deadPort()}`;
    expect(await listAt(url)).toEqual({
      exit: 9,
      out: "",
      err: `error: Nothing listens at ${url}: is the server running there? To call another API, use --base-url.\n`,
    });
  });

  test("nobody knows the name", async () => {
    const { exit, out, err } = await listAt("http://api.realmgate.invalid");
    expect({ exit, out }).toEqual({ exit: 9, out: "" });
    expect(err).toMatch(/^error: [^\n]*(api\.realmgate\.invalid)[^\n]*--base-url\.\n$/);
  });

  test("its certificate does not verify", async () => {
    using server = Bun.serve({ port: 0, tls: selfSigned(), fetch: () => new Response("{}") });
    const { exit, out, err } = await listAt(`https://localhost:${server.port}`);
    expect({ exit, out }).toEqual({ exit: 9, out: "" });
    expect(err).toMatch(
      /^error: The certificate of https:\/\/localhost[^\n]*NODE_EXTRA_CA_CERTS[^\n]*\n$/,
    );
  });

  test("it hangs up", async () => {
    using server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (socket) => void socket.terminate() },
    });
    const { exit, out, err } = await listAt(`http://127.0.0.1:${server.port}`);
    expect({ exit, out, lines: err.split("\n").length }).toEqual({ exit: 9, out: "", lines: 2 });
  });

  test("Ctrl-C while it is silent: 130", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    using server = Bun.serve({
      port: 0,
      fetch: () => {
        resolve();
        return new Promise<Response>(() => {});
      },
    });
    const ran = line.shell(
      `realmgate projects list --base-url http://127.0.0.1:${server.port} & pid=$!; read _; kill -INT $pid; wait $pid`,
      { stdin: promise.then(() => "\n") },
    );
    expect(await ran).toEqual({ exit: 130, out: "", err: "" });
  });
});

describe("a server that says no", () => {
  test.each([
    ["what is no API at all", () => new Response("<h1>hi</h1>"), "check the base URL"],
    [
      "a page of a proxy before it",
      () => new Response("bad", { status: 502 }),
      "502 HTTP status 502: is --base-url right?",
    ],
    [
      "a redirect is not followed",
      () => Response.redirect("http://127.0.0.1:9/", 302),
      "is --base-url right?",
    ],
    [
      "an expired token",
      () => refusal(401, "TOKEN_EXPIRED", "Token has expired"),
      "401 Token has expired: log in again",
    ],
    [
      "too many calls",
      () => refusal(429, "RATE_LIMITED", "Too many requests", { "retry-after": "120" }),
      "429 Too many requests: try again in 120 s",
    ],
    [
      "a failure of its own is named for its log",
      () => refusal(500, "INTERNAL_ERROR", "Internal error", { "x-request-id": "req-1" }),
      "500 Internal error (request req-1)",
    ],
    [
      "a message that would take over the terminal",
      () => refusal(404, "X", "gone\u001b]0;owned\u0007\r\nerror: all is well"),
      "404 gone\\u{1b}]0;owned\\u{7}\\u{d}\\u{a}error: all is well",
    ],
  ])("%s", async (_name, answer, said) => {
    using server = Bun.serve({ port: 0, fetch: answer });
    const { exit, out, err } = await listAt(`http://localhost:${server.port}`);
    const [status = ""] = said.split(" ");
    const code = { "401": 4, "403": 4, "404": 3, "429": 4 }[status] ?? 1;
    expect({ exit, out, lines: err.split("\n").length }).toEqual({ exit: code, out: "", lines: 2 });
    expect(err).toStartWith("error: ");
    expect(err).toContain(said);
    expect(err).not.toMatch(/hdy_token|\n {4}at /);
    expect(safeText(err.trimEnd())).toBe(err.trimEnd());
  });
});

describe("names of other people", () => {
  const evil = "x\u001b[2J\u001b[31mroot\u009b0m\u202e\nprojects deleted";
  const data = {
    projects: [{ id: "67e89abc123def456789abcd", alias: evil, realm_ids: [evil] }],
    pagination: { total: 1, page: 1, limit: 10, totalPages: 1 },
  };
  const server = Bun.serve({
    port: 0,
    fetch: () => Response.json({ statusCode: 200, message: evil, data }),
  });
  const url = `http://localhost:${server.port}`;
  afterAll(() => server.stop(true));

  test.each(["table", "wide", "json", "yaml"])("do nothing to a terminal as %s", async (output) => {
    const words = `realmgate projects list --no-color --base-url ${url} -o ${output}`;
    const seen = await line.atTerminal(words, []);
    expect(seen.exit).toBe(0);
    // The shell's end of a line is two controls; all others would be the server's.
    const shown = seen.out.replaceAll("\r\n", "\n");
    expect(shown.split("\n").filter((each) => safeText(each) !== each)).toEqual([]);
    if (output === "table") expect(seen.out.trim().split("\n")).toHaveLength(2);
  });

  test("and are whole for programs", async () => {
    const { out } = await line.run(["projects", "list", "--base-url", url, "-o", "json"]);
    expect(JSON.parse(out)).toEqual(data);
    const raw = await line.run(["projects", "list", "--base-url", url, "-o", "raw"]);
    expect(JSON.parse(raw.out)).toEqual({ statusCode: 200, message: evil, data });
  });
});

describe("colours", () => {
  const server = Bun.serve({
    port: 0,
    fetch: () => Response.json({ statusCode: 200, message: "", data: { projects: [{ id: "a" }] } }),
  });
  const words = `realmgate projects list --base-url http://localhost:${server.port}`;
  afterAll(() => server.stop(true));

  test("are for terminals only", async () => {
    expect((await line.atTerminal(words, [])).out).toContain("\u001b[1m");
    expect((await line.shell(words)).out).not.toContain("\u001b");
  });

  test.each([
    ["NO_COLOR", words, { NO_COLOR: "1" }],
    ["--no-color", `${words} --no-color`, {}],
    ["a dumb terminal", words, { TERM: "dumb" }],
  ])("not with %s", async (_name, text, environment) => {
    const { out, exit } = await line.atTerminal(text, [], { environment });
    expect({ exit, plain: !out.includes("\u001b") }).toEqual({ exit: 0, plain: true });
  });
});

test("a long answer goes through a pipe whole", async () => {
  const projects = Array.from({ length: 20_000 }, (_, index) => ({
    id: `id-${index}`,
    alias: "x",
  }));
  using server = Bun.serve({
    port: 0,
    fetch: () => Response.json({ statusCode: 200, message: "", data: { projects } }),
  });
  const url = `http://localhost:${server.port}`;
  const { exit, out } = await line.shell(`realmgate projects list -o json --base-url ${url} | cat`);
  expect(exit).toBe(0);
  expect(JSON.parse(out).projects).toHaveLength(20_000);
});
