// Every curl command of the permissions' description, run by curl in a shell as it stands there. Only what it
// leaves open is filled in: the hosts, `file:v<N>`, `{...}`, `{id}` and the shortened tokens.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Api, type Level, loginAdmin, makePlace, type Place } from "../harness/client.ts";
import { saltedDigest } from "../harness/credentials.ts";
import {
  adminPassword,
  type Program,
  startProgram,
  startUpstream,
  type Upstream,
} from "../harness/program.ts";
import { jwt } from "./seed-002/clients.ts";
import { curl } from "./seed-002/curl.ts";

type Line = keyof typeof curl;
type Fields = Readonly<Record<string, unknown>>;

const missing = ["bash", "curl"].filter((tool) => Bun.which(tool) === null);
if (missing.length > 0) console.warn(`SKIPPED: the commands need ${missing.join(" and ")}`);

let program: Program;
/** What the programs of the kit listen on, and what else there is over HTTP. */
let kit: Upstream;
let http: Upstream;
let api: Api;
/** $TOKEN, an auth token; $HOODY_TOKEN, a session. */
let environment: Readonly<Record<string, string>>;

beforeAll(async () => {
  [program, kit, http] = await Promise.all([startProgram(), startUpstream(), startUpstream()]);
  api = await loginAdmin(program.urls);
  const { token } = await api.data("POST", "/auth/tokens", { body: { alias: "curl" } });
  const admin = { username: "admin", password: adminPassword };
  const session = await api.data("POST", "/users/auth/login", { body: admin });
  environment = { TOKEN: token, HOODY_TOKEN: session.token };
}, 30_000);

afterAll(async () => {
  await Promise.all([program, kit, http].map((each) => each[Symbol.asyncDispose]()));
});

const newPlace = () => makePlace(api, program.urls, kit.port);
const documentAt = (place: Place, level: Level) =>
  level === "projects" ? place.project : place.container;

interface Printed {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it.
  readonly body: any;
}

/** Runs the command of a line with these texts in place of those. */
async function run(line: Line, place: Place, fill: Fields = {}): Promise<Printed> {
  let command: string = curl[line];
  const { port } = new URL(program.urls.proxy);
  const gate = (name: string) => `http://${place.host(name)}:${port}`;
  const texts = {
    "https://api.hoody.icu": program.urls.rest,
    "https://67e89abc...890abc-terminal-1.node-us.containers.hoody.icu": gate("terminal-1"),
    "https://67e89abc...890abc-http-8080.node-us.containers.hoody.icu": gate(`http-${http.port}`),
    ...fill,
  };
  for (const [from, to] of Object.entries(texts)) command = command.replaceAll(from, String(to));
  const status = `curl() { command curl -sS -w '\\n%{http_code}' "$@"; }`;
  const shell = Bun.spawn(["bash", "-c", `${status}\n${command}`], {
    env: {
      PATH: process.env.PATH,
      PROJECT_ID: place.projectId,
      CONTAINER_ID: place.containerId,
      ...environment,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  const printed = await new Response(shell.stdout).text();
  if ((await shell.exited) !== 0) throw new Error(await new Response(shell.stderr).text());
  const end = printed.lastIndexOf("\n");
  return { status: Number(printed.slice(end)), body: JSON.parse(printed.slice(0, end)) };
}

/** The body that the command of a line sends. */
function bodyOf(line: Line, place: Place): Fields {
  const [, text = ""] = /-d '(.*)'$/.exec(curl[line]) ?? [];
  return JSON.parse(
    text
      .replaceAll("'$PROJECT_ID'", place.projectId)
      .replaceAll("'$CONTAINER_ID'", place.containerId),
  );
}

/** A document as it is kept: with digests of passwords. */
function kept(document: Fields): Fields {
  const groups = Object.entries((document.groups ?? {}) as Record<string, Record<string, string>>);
  const digested = groups.map(([name, group]) => {
    const { password, salt = "" } = group;
    return [
      name,
      password === undefined ? group : { ...group, password: saltedDigest(salt, password) },
    ];
  });
  return { ...document, groups: Object.fromEntries(digested) };
}

const office = { type: "ip", range: "203.0.113.0/24" };
const developers = { type: "ip", range: "192.0.2.0/24" };
const base = {
  groups: { office, developers },
  permissions: { office: { http: true }, developers: { terminal: false, files: true } },
  default: "deny",
};
const empty = { groups: {}, permissions: {}, default: "allow" };

/** A command that writes a part: what was there before, and what is there after it. */
interface Write {
  readonly line: Line;
  readonly level: Level;
  readonly before?: Fields;
  readonly after: Fields;
}

const rule = (more: Fields) => ({ developers: { ...base.permissions.developers, ...more } });
const users = { type: "jwt", secret: "jwt-secret", algorithm: "HS256" };
const writes: readonly Write[] = [
  { line: 217, level: "projects", after: empty },
  { line: 218, level: "projects", before: { default: "allow" }, after: { default: "deny" } },
  { line: 219, level: "projects", after: { enable_proxy: false } },
  { line: 228, level: "containers", after: empty },
  { line: 229, level: "containers", after: { default: "allow" } },
  {
    line: 235,
    level: "projects",
    after: {
      groups: { ...base.groups, "api-users": { ...users, sources: ["header:Authorization"] } },
    },
  },
  {
    line: 236,
    level: "projects",
    after: { groups: { developers, office: { type: "ip", range: "198.51.100.0/24" } } },
  },
  {
    line: 237,
    level: "projects",
    after: { groups: { developers }, permissions: { developers: base.permissions.developers } },
  },
  {
    line: 246,
    level: "projects",
    after: { permissions: { ...base.permissions, ...rule({ terminal: true }) } },
  },
  {
    line: 247,
    level: "projects",
    after: { permissions: { ...base.permissions, ...rule({ display: 1 }) } },
  },
  {
    line: 248,
    level: "projects",
    after: { permissions: { ...base.permissions, ...rule({ terminal: [1, 2, 3] }) } },
  },
  { line: 249, level: "projects", after: { permissions: { office: { http: true } } } },
  {
    line: 250,
    level: "projects",
    after: { permissions: { office: { http: true }, developers: { files: true } } },
  },
  { line: 313, level: "projects", after: { enable_proxy: false } },
  { line: 314, level: "containers", after: { enable_proxy: false } },
  {
    line: 315,
    level: "containers",
    before: { enable_proxy: false },
    after: { enable_proxy: true },
  },
];

const wholes = [
  { line: 87, level: "projects" },
  { line: 93, level: "containers" },
  { line: 182, level: "projects" },
  { line: 188, level: "containers" },
  { line: 194, level: "projects" },
] as const;

const placeholders = [
  { line: 216, level: "projects" },
  { line: 227, level: "containers" },
] as const;

const reads = [
  { line: 215, level: "projects" },
  { line: 226, level: "containers" },
  { line: 279, level: "projects" },
  { line: 306, level: "projects" },
] as const;

describe.skipIf(missing.length > 0)("curl", () => {
  test.each(wholes)("of line $line sets the document of $level", async ({ line, level }) => {
    const place = await newPlace();
    const { status, body } = await run(line, place, { "file:v<N>": "file:v0" });
    expect([status, body.statusCode]).toEqual([200, 200]);
    const expected = kept(bodyOf(line, place));
    expect(body.data).toMatchObject(expected);
    expect(await documentAt(place, level).get()).toMatchObject(expected);
  });

  test.each(placeholders)("of line $line sets any document of $level", async ({ line, level }) => {
    const place = await newPlace();
    const fill = { "file:v<N>": "file:v0", "{...}": JSON.stringify(base) };
    expect((await run(line, place, fill)).status).toBe(200);
    expect(await documentAt(place, level).get()).toMatchObject(base);
  });

  test.each(writes)("of line $line changes a part of the document of $level", async (write) => {
    const { line, level, before = {}, after } = write;
    const place = await newPlace();
    const document = documentAt(place, level);
    await document.replace({ ...base, ...before });
    const { etag, file_version } = await document.get();
    const { status, body } = await run(line, place, { "file:v<N>": etag });
    expect([status, body.data.file_version]).toEqual([200, file_version + 1]);
    const { groups, permissions, default: fallback, enable_proxy } = await document.get();
    expect({ groups, permissions, default: fallback, enable_proxy }).toEqual({
      ...base,
      enable_proxy: true,
      ...before,
      ...after,
    });
  });

  test("every command that writes is refused with the version of before", async () => {
    const place = await newPlace();
    for (const level of ["projects", "containers"] as const) {
      await documentAt(place, level).replace(base);
    }
    const lines = [...wholes, ...writes].map(({ line }) => line);
    for (const line of lines) {
      const { status, body } = await run(line, place, { "file:v<N>": "file:v0" });
      expect([line, status, body.message]).toEqual([line, 412, "etag_mismatch"]);
    }
  });

  test.each(reads)("of line $line reads the document of $level", async ({ line, level }) => {
    const place = await newPlace();
    const document = documentAt(place, level);
    await document.replace(base);
    const { status, body } = await run(line, place, { "{id}": place.projectId });
    expect(status).toBe(200);
    expect(body.data).toEqual(await document.get());
    expect(body.data.etag).toBe("file:v1");
  });

  test("that audits lists the projects", async () => {
    const place = await newPlace();
    const { status, body } = await run(305, place);
    expect(status).toBe(200);
    const ids = body.data.projects.map(({ id }: { id: string }) => id);
    expect(ids).toContain(place.projectId);
  });
});

const people = { type: "password", username: "username", password: "password", salt: "salt" };
const callers = { type: "jwt", secret: "secret", sources: ["header:Authorization"] };
const here = { type: "ip", range: "127.0.0.0/8" };
const entries = [
  [276, here, 403],
  [277, people, 401],
  [278, callers, 401],
  [280, here, 403],
  [281, people, 401],
  [282, callers, 401],
] as const;

describe.skipIf(missing.length > 0)("curl through the gate", () => {
  const closedTo = (group: object) => ({
    groups: { group },
    permissions: { group: { terminal: true, http: true } },
    default: "deny",
  });

  test.each(entries)(
    "of line %d is let in by its group, and by no other",
    async (line, group, refusal) => {
      const place = await newPlace();
      const fill = { "eyJhbG...": jwt("secret") };
      await place.container.replace(closedTo(group));
      const { status, body } = await run(line, place, fill);
      expect([status, body.method]).toEqual([200, "GET"]);
      expect(body.url).toBe(curl[line].includes("/api/endpoint") ? "/api/endpoint" : "/");
      const other = { password: "other", secret: "other", range: "203.0.113.0/24" };
      const changed = Object.entries(group).map(([key, value]) => [
        key,
        other[key as "range"] ?? value,
      ]);
      await place.container.replace(closedTo(Object.fromEntries(changed)));
      expect((await run(line, place, fill)).status).toBe(refusal);
    },
  );

  test("that tests access is 403 from a denied address, 401 without a credential", async () => {
    const place = await newPlace();
    await place.container.replace(closedTo({ type: "ip", range: "203.0.113.0/24" }));
    expect((await run(283, place)).status).toBe(403);
    await place.container.replace(closedTo(people));
    expect((await run(283, place)).status).toBe(401);
  });

  test("with a JWT reaches the terminal whole", async () => {
    const place = await newPlace();
    await place.container.replace(closedTo(callers));
    const { status, body } = await run(147, place, { "jwt-token-here": jwt("secret") });
    expect(status).toBe(200);
    expect(body).toMatchObject({ method: "POST", url: "/execute", body: '{"command": "ls -la"}' });
  });
});

test("every command of the description is played above", () => {
  const played = [...wholes, ...placeholders, ...writes, ...reads].map(({ line }) => line);
  const atTheGate = entries.map(([line]) => line);
  const lines = [...played, ...atTheGate, 147, 283, 305].sort((a, b) => a - b);
  expect(lines.map(String)).toEqual(Object.keys(curl));
});
