// What the gate does to a request is what explain says of it, by every name that the program has.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SignJWT } from "jose";
import {
  type Api,
  enforced,
  loginAdmin,
  makePlace,
  type Place,
  through,
} from "../harness/client.ts";
import { type Program, startProgram, startUpstream, type Upstream } from "../harness/program.ts";

const startMsMax = 30_000;
const secret = "a shared secret of thirty-two bytes";

let program: Program;
let upstream: Upstream;
let api: Api;
let place: Place;

beforeAll(async () => {
  [program, upstream] = await Promise.all([startProgram(), startUpstream()]);
  api = await loginAdmin(program.urls);
  place = await makePlace(api, program.urls, upstream.port);
  await place.container.replace({
    groups: {
      office: { type: "ip", range: "203.0.113.0/24" },
      customers: {
        type: "jwt",
        secret,
        algorithm: "HS256",
        sources: ["header:Authorization"],
      },
      robot: { type: "token", value: "k3y", header: "X-Key" },
      page: { type: "token", value: "k3y", param: "key" },
    },
    permissions: {
      office: { terminal: [1, 2] },
      customers: { terminal: true, files: true },
      robot: { files: true },
      page: { files: true },
    },
    default: "deny",
  });
  const alias = { container_id: place.containerId, alias: "shell", program: "terminal", index: 3 };
  await enforced(program.urls, await api.call("POST", "/proxy/aliases", { body: alias }));
}, startMsMax);

afterAll(async () => {
  await program[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

interface Case {
  readonly program: string;
  readonly instance: number;
  readonly from: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly path?: string;
}

/** The same question, with the program named, with its whole host, and with its alias where it has one. */
function spellings({ program: name, instance }: Case): { host: string; ask: object }[] {
  const host = place.host(`${name}-${instance}`);
  const short = "shell.local.containers.localhost";
  return [
    { host, ask: { program: name, instance } },
    { host, ask: { host } },
    { host, ask: { host: `${host.toUpperCase()}.:8000` } },
    ...(name === "terminal" && instance === 3
      ? [
          { host: short, ask: { alias: "shell" } },
          { host: short, ask: { host: short } },
        ]
      : []),
  ];
}

/** What came of the request at the gate, and what explain says of it. */
async function both(given: Case) {
  const { from, headers = {}, path = "/" } = given;
  const results: { gate: object; told: object; whole: Record<string, unknown> }[] = [];
  for (const { host, ask } of spellings(given)) {
    const response = await through(program.urls, host, { from, headers, path });
    const body = (await response.json()) as { code?: string; headers?: Record<string, string> };
    const lines = Object.entries(headers).map(([name, value]) => ({ name, value }));
    const whole = await api.data("POST", `/containers/${place.containerId}/proxy/explain`, {
      body: { ...ask, ip: from, headers: lines, path_and_query: path },
    });
    const passed = response.status === 200;
    results.push({
      gate: {
        allow: passed,
        status: passed ? null : response.status,
        reason: passed ? "granted" : body.code,
        groups: passed ? body.headers?.["x-realmgate-groups"] : "",
        challenge: response.headers.get("www-authenticate")?.split(" ")[0]?.toLowerCase() ?? null,
      },
      told: {
        allow: whole.allow,
        status: whole.status,
        reason: whole.reason,
        groups: whole.allow ? whole.granting_groups.join(",") : "",
        challenge: whole.challenge,
      },
      whole,
    });
  }
  return results;
}

const token = (exp: number) =>
  new SignJWT({ exp }).setProtectedHeader({ alg: "HS256" }).sign(Buffer.from(secret));
const soonS = () => Math.floor(Date.now() / 1000) + 600;

describe("explain says what the gate does", () => {
  test.each<[string, Case]>([
    ["nobody's request", { program: "terminal", instance: 1, from: "198.51.100.1" }],
    ["a granted one", { program: "terminal", instance: 2, from: "203.0.113.7" }],
    ["a match without a grant", { program: "terminal", instance: 3, from: "203.0.113.7" }],
    ["a program that no rule names", { program: "display", instance: 1, from: "203.0.113.7" }],
    [
      "a token in a header",
      { program: "files", instance: 1, from: "198.51.100.1", headers: { "X-Key": "k3y" } },
    ],
    [
      "a wrong one",
      { program: "files", instance: 1, from: "198.51.100.1", headers: { "X-Key": "no" } },
    ],
    [
      "a token in the query",
      { program: "files", instance: 1, from: "198.51.100.1", path: "/a?key=k3y" },
    ],
    [
      "a token twice in the query",
      { program: "files", instance: 1, from: "198.51.100.1", path: "/a?key=k3y&key=k3y" },
    ],
  ])("to %s", async (_, given) => {
    const results = await both(given);
    expect(results.length).toBeGreaterThan(2);
    for (const { gate, told } of results) expect(told).toEqual(gate);
  });

  test("to a good JWT and to one that is over", async () => {
    for (const [exp, why] of [
      [soonS(), "jwt_verified"],
      [soonS() - 1200, "jwt_expired"],
    ] as const) {
      const headers = { authorization: `Bearer ${await token(exp)}` };
      const given = { program: "terminal", instance: 3, from: "198.51.100.1", headers };
      for (const { gate, told, whole } of await both(given)) {
        expect(told).toEqual(gate);
        const groups = whole.groups as { name: string; why: string }[];
        expect(groups.find(({ name }) => name === "customers")?.why).toBe(why);
      }
    }
  });

  test("to a port of the terminal asked for as http", async () => {
    const given = { program: "http", instance: upstream.port, from: "203.0.113.7" };
    const [first] = await both(given);
    expect(first?.told).toEqual(first?.gate ?? {});
    // Every kit program listens there: the port belongs to the first by name.
    expect(first?.whole.judged_as).toMatchObject({ program: "agent", asked_program: "http" });
  });

  test("to a port of our own, which is never dialled", async () => {
    const own = Number(new URL(program.urls.rest).port);
    await place.container.write("PUT", "/permissions/office", { program: "http", access: true });
    const given = { program: "http", instance: own, from: "203.0.113.7" };
    for (const { gate, told } of await both(given)) {
      expect(told).toEqual(gate);
      expect(told).toMatchObject({ reason: "no_upstream", status: 503 });
    }
  });

  test("to everything, once the kill switch is thrown; and a dry run of that changes nothing", async () => {
    const { etag } = await place.container.get();
    const path = `${place.container.path}/state?validate_only=true`;
    const answer = await api.call("PUT", path, {
      body: { enable_proxy: false },
      headers: { "if-match": etag },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-realmgate-revision")).toBeNull();
    expect(answer.body.data.preview).toMatchObject({
      enable_proxy_before: true,
      enable_proxy_after: false,
      containers_affected: 1,
      access: [],
    });
    const given = { program: "terminal", instance: 2, from: "203.0.113.7" };
    for (const { gate } of await both(given)) expect(gate).toMatchObject({ allow: true });
    await place.container.write("PUT", "/state", { enable_proxy: false });
    for (const { gate, told } of await both(given)) {
      expect(told).toEqual(gate);
      expect(told).toMatchObject({ reason: "disabled" });
    }
  });
});
