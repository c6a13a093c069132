// G: guessing credentials. Who presents wrong ones is held up; nobody else is, and a right one never.
import { afterAll, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { startProxy } from "../../src/proxy/proxy.ts";
import { basic } from "../harness/credentials.ts";
import { caseBench, codeOf, type Scene } from "../harness/gate.ts";
import { answerTo, request } from "../harness/wire.ts";

const bench = await caseBench();
const max = 10;
const proxy = await startProxy(
  bench.options({
    trustedProxies: ["127.0.0.0/8"],
    responseHeaderMs: 60_000,
    credentialFailuresMax: max,
  }),
  bench.registry,
);
afterAll(() => proxy.stop(true));

const SECRET = "0123456789abcdef0123456789abcdef";
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
function jwt(secret: string, claims: object = {}): string {
  const text = `${encode({ alg: "HS256" })}.${encode(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

const DOCUMENT: JsonObject = {
  groups: {
    people: { type: "password", username: "ada", password: "pw", salt: "s" },
    robots: { type: "token", header: "X-Key", value: "right" },
    guests: { type: "token", header: "X-Guest", value: "guest" },
    partners: { type: "jwt", secret: SECRET, sources: ["header:X-Jwt"] },
  },
  permissions: {
    people: { terminal: true },
    robots: { terminal: true },
    partners: { terminal: true },
    guests: { files: true },
  },
  default: "deny",
};

const sceneOf = async (document = DOCUMENT) => {
  const scene = await bench.scene({ own: document });
  expect(await proxy.reached(bench.registry.revision, 10_000)).toBe(true);
  return scene;
};

async function ask({ host }: Scene, lines: readonly string[], client = "192.0.2.1") {
  const head = request(host, "GET / HTTP/1.1", `X-Forwarded-For: ${client}`, ...lines);
  const answer = await answerTo(proxy.port, head);
  const headers = answer?.headers ?? new Map<string, string>();
  return { status: answer?.status, code: codeOf(answer?.body ?? ""), headers, body: answer?.body };
}

const WRONG: Record<string, (n: number) => string> = {
  password: (n) => `Authorization: ${basic(`ada:${n}`)}`,
  "unknown user": (n) => `Authorization: ${basic(`user${n}:pw`)}`,
  "malformed Basic": (n) => `Authorization: Basic ${n}`,
  token: (n) => `X-Key: wrong${n}`,
  "forged JWT": (n) => `X-Jwt: ${jwt("another secret", { n })}`,
  "the same forged JWT": () => `X-Jwt: ${jwt("another secret")}`,
  "JWT of alg none": (n) => `X-Jwt: ${encode({ alg: "none" })}.${encode({ n })}.AAAA`,
  "no JWT": (n) => `X-Jwt: ${n}`,
};
const RIGHT: Record<string, string> = {
  password: `Authorization: ${basic("ada:pw")}`,
  token: "X-Key: right",
  JWT: `X-Jwt: ${jwt(SECRET)}`,
};

/** Presents wrong ones until the budget is used up. */
async function exhaust(scene: Scene, client?: string): Promise<void> {
  for (let n = 0; n < max; n++) {
    expect((await ask(scene, [`X-Key: wrong${n}`], client)).status).toBe(401);
  }
  expect((await ask(scene, ["X-Key: wrong"], client)).status).toBe(429);
}

test.each(Object.entries(WRONG))(
  "G1 of one wrong %s after the other most are 429",
  async (_what, wrong) => {
    const scene = await sceneOf();
    const answers: Awaited<ReturnType<typeof ask>>[] = [];
    for (let n = 0; n < max + 5; n++) answers.push(await ask(scene, [wrong(n)]));
    expect(answers.map(({ status }) => status)).toEqual([
      ...Array(max).fill(401),
      ...Array(5).fill(429),
    ]);
    const last = answers.at(-1);
    expect(last?.code).toBe("too_many_failures");
    expect(last?.headers.get("retry-after")).toBe("60");
    expect(last?.headers.has("www-authenticate")).toBe(false);
    expect(new Set(answers.slice(max).map(({ body }) => body)).size).toBe(1);
  },
);

describe("while a network is held up", () => {
  test.each(Object.entries(RIGHT))("G2 its right %s lets in", async (_what, right) => {
    const scene = await sceneOf();
    await exhaust(scene);
    for (let n = 0; n < 3; n++) {
      expect((await ask(scene, [right])).status).toBe(200);
      expect((await ask(scene, ["X-Key: wrong"])).status).toBe(429);
    }
  });

  test("G2 a right one beside a wrong one lets in: the wrong one may be the program's", async () => {
    const scene = await sceneOf();
    await exhaust(scene);
    const lines = ["X-Key: right", `Authorization: ${basic("ada:another")}`];
    expect((await ask(scene, lines)).status).toBe(200);
  });

  test("G3 its requests without a credential are asked for one", async () => {
    const scene = await sceneOf();
    await exhaust(scene);
    const { status, code, headers } = await ask(scene, []);
    expect([status, code]).toEqual([401, "unauthenticated"]);
    expect(headers.get("www-authenticate")).toStartWith("Basic");
  });

  test("G4 other networks, and other containers for it, are as before", async () => {
    const [scene, other] = [await sceneOf(), await sceneOf()];
    await exhaust(scene);
    expect((await ask(scene, ["X-Key: wrong"], "192.0.2.2")).status).toBe(401);
    expect((await ask(scene, ["X-Key: wrong"], "2001:db8::1")).status).toBe(401);
    expect((await ask(other, ["X-Key: wrong"])).status).toBe(401);
  });

  test("G4 the addresses of one IPv6 /64 are one network", async () => {
    const scene = await sceneOf();
    for (let n = 0; n < max; n++) await ask(scene, ["X-Key: wrong"], `2001:db8::${n + 1}`);
    expect((await ask(scene, ["X-Key: wrong"], "2001:db8::ffff")).status).toBe(429);
  });
});

describe("is no failure", () => {
  test.each<[string, string[], number]>([
    ["a request without a credential", [], 401],
    ["an expired JWT of which the signature is right", [`X-Jwt: ${jwt(SECRET, { exp: 1 })}`], 401],
    ["a JWT that is not valid yet", [`X-Jwt: ${jwt(SECRET, { nbf: 9e9 })}`], 401],
    ["a right credential that grants something else", ["X-Guest: guest"], 403],
  ])("G5 %s", async (_what, lines, status) => {
    const scene = await sceneOf();
    for (let n = 0; n < max + 3; n++) expect((await ask(scene, lines)).status).toBe(status);
    expect((await ask(scene, ["X-Key: wrong"])).status).toBe(401);
  });

  test("G5 a wrong one where the default lets in", async () => {
    const scene = await sceneOf({ ...DOCUMENT, default: "allow" });
    for (let n = 0; n < max + 3; n++) {
      expect((await ask(scene, ["X-Key: wrong"])).status).toBe(200);
    }
  });

  test("G6 but a guess beside a right one that does not grant this is", async () => {
    const scene = await sceneOf();
    const statuses: (number | undefined)[] = [];
    for (let n = 0; n < max + 2; n++) {
      statuses.push((await ask(scene, ["X-Guest: guest", `X-Key: wrong${n}`])).status);
    }
    expect(statuses).toEqual([...Array(max).fill(403), 429, 429]);
  });
});

test("G7 it is counted under its reason", async () => {
  const scene = await sceneOf();
  await exhaust(scene);
  expect(await proxy.metrics.text()).toContain('reason="too_many_failures"');
});
