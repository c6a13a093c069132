import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import net from "node:net";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import { SignJWT } from "jose";
import {
  type Changes,
  ChangesSchema,
  type ContainerState,
  ContainerStateSchema,
  type ProjectState,
  ProjectStateSchema,
} from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { PermissionDocumentSchema } from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import type { ChangeSource } from "./feed.ts";
import { type ProxyOptions, type ProxyServer, startProxy } from "./server.ts";

const PARENT = "local.containers.example.test";
const FORBIDDEN_PORT = 9;

/** Made for this test, for the name container.test, valid until 2126. */
const CONTAINER_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOYIwwZ1tkpkHB8i+
7Ptgp8mjCTcHQm3OZldZ6V2CBCChRANCAASacYk4Rk1WA6uCiSChukSb9KzfZcSG
+uUyt5j8Er04hrWW6mLpCpZV/7iBUDBxGjm2FQcXgy5LPACRTeTkm3QF
-----END PRIVATE KEY-----
`;
const CONTAINER_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBijCCAS+gAwIBAgIUPNUwlM2nIN8vPLkHaoJ/bpu9F6swCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOY29udGFpbmVyLnRlc3QwIBcNMjYxMTIyMDM1MjA4WhgPMjEy
NjEwMjkwMzUyMDhaMBkxFzAVBgNVBAMMDmNvbnRhaW5lci50ZXN0MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEmnGJOEZNVgOrgokgobpEm/Ss32XEhvrlMreY/BK9
OIa1lupi6QqWVf+4gVAwcRo5thUHF4MuSzwAkU3k5Jt0BaNTMFEwHQYDVR0OBBYE
FJtI3/szNSEURVHAilorAhTaTMbvMB8GA1UdIwQYMBaAFJtI3/szNSEURVHAilor
AhTaTMbvMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAIB7ImGO
PEirckD7t31Nzdbb399dhO+kJFG22nptGfrIAiEA+PIINQFH504VhRqmE06Z+kyV
zYg0HOr6j78ly3bcMzQ=
-----END CERTIFICATE-----
`;

/** Commits in memory: what the control plane would announce. */
class Registry implements ChangeSource {
  revision = 0n;
  readonly #projects = new Map<string, { at: bigint; state: ProjectState }>();
  readonly #containers = new Map<string, { at: bigint; state: ContainerState }>();
  readonly #listeners = new Set<(revision: bigint) => void>();

  async changesAfter(revision: bigint): Promise<Changes> {
    const since = <T>(all: Map<string, { at: bigint; state: T }>) =>
      [...all.values()].filter(({ at }) => at > revision).map(({ state }) => state);
    return create(ChangesSchema, {
      revision: this.revision,
      projects: since(this.#projects),
      containers: since(this.#containers),
    });
  }

  onCommit(listener: (revision: bigint) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  commit(projects: ProjectState[], containers: ContainerState[]): bigint {
    this.revision++;
    for (const state of projects) {
      this.#projects.set(state.id, { at: this.revision, state });
    }
    for (const state of containers) {
      this.#containers.set(state.id, { at: this.revision, state });
    }
    for (const listener of this.#listeners) {
      listener(this.revision);
    }
    return this.revision;
  }
}

interface Placement {
  /** The container's own document. */
  own?: JsonObject;
  /** The project's document. */
  project?: JsonObject;
  /** Program to port, or port and stride; `terminal` is the echo upstream unless said otherwise. */
  programs?: Record<string, number | [port: number, stride: number]>;
  state?: Partial<Omit<ContainerState, "$typeName" | "$unknown">>;
  projectDisabled?: boolean;
}

interface Placed {
  project: string;
  container: string;
  host(service: string): string;
  /** Changes it and waits until that is enforced. */
  change(placement: Placement): Promise<void>;
}

const registry = new Registry();
const logged: { level: string; message: string; fields: object }[] = [];
const note = (level: string) => (fields: object, message: string) => {
  logged.push({ level, message, fields });
};
const log = { error: note("error"), warn: note("warn"), info: note("info") };
let upstream: Bun.Server<undefined>;
let proxy: ProxyServer;
let behindTrusted: ProxyServer;
let counter = 0;

const options = (extra: Partial<ProxyOptions> = {}): ProxyOptions => ({
  hostname: "127.0.0.1",
  port: 0,
  domain: "example.test",
  serverName: "local",
  trustedProxies: [],
  programPorts: { display: 1 },
  responseHeaderMs: 400,
  isForbidden: (_address, port) => port === FORBIDDEN_PORT,
  log,
  ...extra,
});

beforeAll(async () => {
  upstream = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 0, fetch: echo });
  proxy = await startProxy(options(), registry);
  behindTrusted = await startProxy(
    options({ trustedProxies: ["127.0.0.0/8"], responseHeaderMs: 60_000 }),
    registry,
  );
});

afterAll(async () => {
  await proxy.stop(true);
  await behindTrusted.stop(true);
  await upstream.stop(true);
});

const open: net.Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.close();
  }
});

async function echo(request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (url.pathname.startsWith("/status/")) {
    const status = Number(url.pathname.slice(8));
    return new Response(null, { status, headers: { etag: '"x"' } });
  }
  if (url.pathname === "/away") {
    return new Response(null, { status: 302, headers: { location: "/status/418" } });
  }
  if (url.pathname === "/cookies") {
    const headers = new Headers({ "content-encoding": "gzip", "content-type": "text/x" });
    headers.append("set-cookie", "a=1");
    headers.append("set-cookie", "b=2; Path=/");
    return new Response(Bun.gzipSync("packed"), { headers });
  }
  return Response.json({
    method: request.method,
    target: request.url.slice(request.url.indexOf("/", 8)),
    headers: Object.fromEntries(request.headers),
    body: await request.text(),
  });
}

interface Echo {
  method: string;
  target: string;
  headers: Record<string, string>;
  body: string;
}

async function place(placement: Placement = {}): Promise<Placed> {
  const project = (++counter).toString(16).padStart(24, "a");
  const container = counter.toString(16).padStart(24, "c");
  const placed: Placed = {
    project,
    container,
    host: (service) => `${project}-${container}-${service}.${PARENT}`,
    async change(next) {
      const revision = registry.commit(
        [projectState(project, next)],
        [containerState(project, container, next)],
      );
      expect(await proxy.reached(revision, 2_000)).toBe(true);
      expect(await behindTrusted.reached(revision, 2_000)).toBe(true);
    },
  };
  await placed.change(placement);
  return placed;
}

function projectState(id: string, placement: Placement): ProjectState {
  const state = create(ProjectStateSchema, { id, disabled: placement.projectDisabled ?? false });
  if (placement.project !== undefined) {
    state.document = fromJson(PermissionDocumentSchema, placement.project);
  }
  return state;
}

function containerState(projectId: string, id: string, placement: Placement): ContainerState {
  const programs: Record<string, { port: number; stride: number }> = {};
  for (const [name, at] of Object.entries({
    terminal: upstream.port ?? 0,
    ...placement.programs,
  })) {
    const [port, stride] = typeof at === "number" ? [at, 0] : at;
    programs[name] = { port, stride };
  }
  const state = create(ContainerStateSchema, {
    id,
    projectId,
    serverName: "local",
    running: true,
    address: "127.0.0.1",
    programs,
    ...placement.state,
  } as ContainerState);
  if (placement.own !== undefined) {
    state.document = fromJson(PermissionDocumentSchema, placement.own);
  }
  return state;
}

function ask(
  host: string,
  init: BunFetchRequestInit & { path?: string; via?: ProxyServer } = {},
): Promise<Response> {
  const { path = "/", via = proxy, headers, ...rest } = init;
  const all = new Headers(headers);
  all.set("host", host);
  return fetch(`http://127.0.0.1:${via.port}${path}`, {
    ...rest,
    headers: all,
    proxy: false,
    redirect: "manual",
    decompress: false,
  });
}

async function echoed(response: Response): Promise<Echo> {
  expect(response.status).toBe(200);
  return (await response.json()) as Echo;
}

async function code(response: Response): Promise<[number, string]> {
  const body = (await response.json()) as { statusCode: number; code: string };
  expect(body.statusCode).toBe(response.status);
  expect(response.headers.get("x-realmgate-request-id")).toMatch(/^[0-9a-f]{24}$/);
  return [response.status, body.code];
}

/** Bytes as they are; answers with everything that came until the connection ended. */
function raw(text: string, via = proxy): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let received = "";
  const socket = net.connect(via.port, "127.0.0.1", () => socket.write(text, "latin1"));
  socket.on("data", (data) => {
    received += data.toString("latin1");
  });
  socket.on("error", () => {});
  socket.on("close", () => resolve(received));
  return promise;
}

/** An upstream that answers each connection with a function of its own. */
async function listen(serve: (socket: net.Socket) => void): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    serve(socket);
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as net.AddressInfo).port;
}

const ip = (range: string) => ({ type: "ip", range });
const LOCAL = ip("127.0.0.0/8");
const FAR = ip("203.0.113.0/24");
const TOKEN = { type: "token", header: "X-Key", value: "k3y" };
const PASSWORD = { type: "password", username: "ada", password: "pass:word", salt: "s" };
const SECRET = "0123456789abcdef0123456789abcdef";
const JWT = {
  type: "jwt",
  secret: SECRET,
  sources: ["header:Authorization"],
  claims: { team: "x" },
};
const basic = (text: string) => `Basic ${btoa(text)}`;
const BASIC = 'Basic realm="realmgate", charset="UTF-8"';

describe("the decision table", () => {
  test("row 1: a malformed host is 400, one outside the grammar or an alias 404", async () => {
    const placed = await place();
    expect(await code(await ask(`${placed.host("terminal-1")}:0`))).toEqual([400, "bad_host"]);
    expect(await code(await ask("example.test"))).toEqual([404, "unknown_host"]);
    expect(await code(await ask(`blog.${PARENT}`))).toEqual([404, "unknown_host"]);
  });

  test("row 2: all that is not there answers with the same bytes", async () => {
    const placed = await place();
    const stranger = await place();
    const cases = [
      `${placed.project}-${"0".repeat(24)}-terminal-1.${PARENT}`,
      `${stranger.project}-${placed.container}-terminal-1.${PARENT}`,
      `${"0".repeat(24)}-${placed.container}-terminal-1.${PARENT}`,
      placed.host("terminal-1").replace(".local.", ".other."),
      (await place({ state: { running: false } })).host("terminal-1"),
      (await place({ state: { address: "" } })).host("terminal-1"),
      (await place({ state: { serverName: "other" } })).host("terminal-1"),
    ];
    const answers = new Set<string>();
    for (const host of cases) {
      const response = await ask(host);
      const headers = Object.fromEntries(response.headers);
      delete headers["x-realmgate-request-id"];
      delete headers.date;
      answers.add(JSON.stringify([response.status, headers, await response.text()]));
    }
    expect(answers.size).toBe(1);
    expect([...answers][0]).toContain("no_container");
  });

  test.each<[string, Placement, number, string]>([
    ["the container's kill switch", { state: { disabled: true } }, 503, "disabled"],
    ["the project's kill switch", { projectDisabled: true }, 503, "disabled"],
    [
      "a kill switch before a document that would allow",
      { own: { default: "allow" }, projectDisabled: true },
      503,
      "disabled",
    ],
    [
      "a document that does not compile",
      { own: { default: "allow", groups: { g: ip("x") } } },
      503,
      "policy_error",
    ],
    [
      "a match without a grant",
      { own: { groups: { g: LOCAL }, permissions: { g: { display: true } } } },
      403,
      "not_granted",
    ],
    [
      "a match with false",
      { own: { groups: { g: LOCAL }, permissions: { g: { terminal: false } } } },
      403,
      "not_granted",
    ],
    [
      "a match with another instance",
      { own: { groups: { g: LOCAL }, permissions: { g: { terminal: 2 } } } },
      403,
      "not_granted",
    ],
    ["no match, only ip groups", { own: { groups: { g: FAR } } }, 403, "denied"],
    ["no groups at all", { own: { default: "deny" } }, 403, "denied"],
    ["no match, a token group", { own: { groups: { g: TOKEN } } }, 401, "unauthenticated"],
    ["no match, a jwt group", { own: { groups: { g: JWT } } }, 401, "unauthenticated"],
    ["no match, a password group", { own: { groups: { g: PASSWORD } } }, 401, "unauthenticated"],
    [
      "the project's document where there is no own",
      { project: { groups: { g: FAR } } },
      403,
      "denied",
    ],
    [
      "the container's document in place of the project's",
      { own: { groups: { g: FAR } }, project: { default: "allow" } },
      403,
      "denied",
    ],
  ])("%s is refused", async (_what, placement, status, reason) => {
    const placed = await place(placement);
    expect(await code(await ask(placed.host("terminal-1")))).toEqual([status, reason]);
  });

  test("row 6: 401 instead of 403 when a credential would help", async () => {
    const groups = { far: LOCAL, key: PASSWORD };
    const placed = await place({ own: { groups, permissions: { key: { terminal: true } } } });
    const response = await ask(placed.host("terminal-1"));
    expect(response.headers.get("www-authenticate")).toBe(BASIC);
    expect(await code(response)).toEqual([401, "not_granted"]);
  });

  test("rows 4, 5 and 7: open, granted, default_allow; the granting groups are named upstream", async () => {
    const bare = await echoed(await ask((await place()).host("terminal-1")));
    expect(bare.headers["x-realmgate-groups"]).toBeUndefined();
    expect(bare.headers["x-realmgate-program"]).toBe("terminal");
    expect(bare.headers["x-realmgate-instance"]).toBe("1");

    const groups = { near: LOCAL, far: FAR, all: ip("0.0.0.0/0"), other: LOCAL };
    const permissions = {
      near: { terminal: [3, 7] },
      far: { terminal: true },
      all: { terminal: "5-9" },
      other: { display: true },
    };
    const granted = await place({ own: { groups, permissions } });
    const { headers } = await echoed(await ask(granted.host("terminal-7")));
    expect(headers["x-realmgate-groups"]).toBe("near,all");
    expect(headers["x-realmgate-instance"]).toBe("7");

    const fallback = await place({ own: { groups: { g: FAR }, default: "allow" } });
    expect((await echoed(await ask(fallback.host("terminal-1")))).method).toBe("GET");
  });

  test("allowed without a port is no_upstream, refused is refused", async () => {
    const placed = await place();
    expect(await code(await ask(placed.host("browser-1")))).toEqual([503, "no_upstream"]);
    await placed.change({ own: { default: "deny" } });
    expect(await code(await ask(placed.host("browser-1")))).toEqual([403, "denied"]);
  });

  test("what must never be dialled is no_upstream", async () => {
    const placed = await place();
    const response = await ask(placed.host(`http-${FORBIDDEN_PORT}`));
    expect(await code(response)).toEqual([503, "no_upstream"]);
  });

  test("a change holds for the next request on the same connection", async () => {
    const placed = await place();
    await echoed(await ask(placed.host("terminal-1")));
    await placed.change({ own: { default: "deny" } });
    expect(await code(await ask(placed.host("terminal-1")))).toEqual([403, "denied"]);
    await placed.change({});
    await echoed(await ask(placed.host("terminal-1")));
  });
});

describe("credentials", () => {
  const only = (group: JsonObject): Placement => ({
    own: { groups: { g: group }, permissions: { g: { terminal: true } } },
  });

  test("a password lets in and is not passed on", async () => {
    const placed = await place(only(PASSWORD));
    const headers = { authorization: basic("ada:pass:word"), "x-other": "1" };
    const seen = await echoed(await ask(placed.host("terminal-1"), { headers }));
    expect(seen.headers.authorization).toBeUndefined();
    expect(seen.headers["x-other"]).toBe("1");
    const wrong = { authorization: basic("ada:wrong") };
    const refused = await ask(placed.host("terminal-1"), { headers: wrong });
    expect(refused.headers.get("www-authenticate")).toBe(BASIC);
    expect(await code(refused)).toEqual([401, "unauthenticated"]);
  });

  test("a credential that was not needed to match is passed on", async () => {
    const placed = await place(only(LOCAL));
    const headers = { authorization: basic("a:b"), cookie: "tok=1" };
    const seen = await echoed(await ask(placed.host("terminal-1"), { path: "/?tok=1", headers }));
    expect([seen.headers.authorization, seen.headers.cookie, seen.target]).toEqual([
      basic("a:b"),
      "tok=1",
      "/?tok=1",
    ]);
  });

  test("a JWT lets in and is passed on", async () => {
    const placed = await place(only(JWT));
    const sign = (claims: Record<string, unknown>) =>
      new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(Buffer.from(SECRET));
    const authorization = `Bearer ${await sign({ team: "x" })}`;
    for (let i = 0; i < 2; i++) {
      const seen = await echoed(
        await ask(placed.host("terminal-1"), { headers: { authorization } }),
      );
      expect(seen.headers.authorization).toBe(authorization);
    }
    const other = { authorization: `Bearer ${await sign({ team: "y" })}` };
    const refused = await ask(placed.host("terminal-1"), { headers: other });
    expect(await code(refused)).toEqual([401, "unauthenticated"]);
  });

  test("a token in a header lets in and is not passed on", async () => {
    const placed = await place(only(TOKEN));
    const headers = { "X-Key": "k3y", "x-other": "1" };
    const seen = await echoed(await ask(placed.host("terminal-1"), { headers }));
    expect([seen.headers["x-key"], seen.headers["x-other"]]).toEqual([undefined as never, "1"]);
  });

  test("a token in a cookie lets in and only its pair is taken out", async () => {
    const placed = await place(only({ type: "token", cookie: "tok", value: "v" }));
    const ask1 = (cookie: string) => ask(placed.host("terminal-1"), { headers: { cookie } });
    expect((await echoed(await ask1('a="1"; tok=v; b= 2'))).headers.cookie).toBe('a="1"; b= 2');
    expect((await echoed(await ask1("tok=v"))).headers.cookie).toBeUndefined();
    expect(await code(await ask1("tok=v; tok=v"))).toEqual([401, "unauthenticated"]);
  });

  test("a token in the query lets in and only it is taken out", async () => {
    const placed = await place(only({ type: "token", param: "tok", value: "a b" }));
    const target = async (path: string) =>
      (await echoed(await ask(placed.host("terminal-1"), { path }))).target;
    expect(await target("/x?a=%2f&tok=a+b&b=+")).toBe("/x?a=%2f&b=+");
    expect(await target("/x?%74ok=a%20b")).toBe("/x");
    const twice = await ask(placed.host("terminal-1"), { path: "/?tok=a+b&tok=a+b" });
    expect(await code(twice)).toEqual([401, "unauthenticated"]);
  });

  test("two header lines never match, whichever is good", async () => {
    const placed = await place(only(TOKEN));
    const lines = [
      ["k3y", "bad"],
      ["bad", "k3y"],
      ["k3y", "k3y"],
      ["k3y", ""],
      ["", "k3y"],
    ];
    for (const [first, second] of lines) {
      const answer = await raw(
        `GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nX-Key: ${first}\r\nX-Key: ${second}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toStartWith("HTTP/1.1 401 ");
    }
  });

  test("two Authorization lines never match", async () => {
    const placed = await place(only(PASSWORD));
    const good = basic("ada:pass:word");
    for (const [first, second] of [
      [good, basic("x:y")],
      [basic("x:y"), good],
      [good, good],
    ]) {
      const answer = await raw(
        `GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nAuthorization: ${first}\r\nAuthorization: ${second}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toStartWith("HTTP/1.1 401 ");
    }
  });

  test("a credential for one container means nothing to another", async () => {
    await place(only(TOKEN));
    const other = await place(only({ ...TOKEN, value: "other" }));
    const refused = await ask(other.host("terminal-1"), { headers: { "x-key": "k3y" } });
    expect(await code(refused)).toEqual([401, "unauthenticated"]);
  });
});

describe("ports", () => {
  test("a program cannot be reached around its name", async () => {
    const port = upstream.port ?? 0;
    const permissions = { g: { terminal: false, http: true, https: true, display: true } };
    const own = { groups: { g: LOCAL }, permissions };
    const placed = await place({ own, programs: { display: [port - 4, 1] } });
    for (const service of [`http-${port}`, `https-${port}`, "terminal-1", "display-5"]) {
      expect(await code(await ask(placed.host(service)))).toEqual([403, "not_granted"]);
    }
  });

  test("a port of nobody is decided as http", async () => {
    const port = upstream.port ?? 0;
    const own = { groups: { g: LOCAL }, permissions: { g: { http: port } } };
    const placed = await place({ own, programs: { terminal: 1 } });
    const { headers } = await echoed(await ask(placed.host(`http-${port}`)));
    expect(headers["x-realmgate-program"]).toBe("http");
    expect(headers["x-realmgate-instance"]).toBe(String(port));
    expect(await code(await ask(placed.host("http-2")))).toEqual([403, "not_granted"]);
  });

  test("http-22 is ssh", async () => {
    const permissions = { g: { http: true, ssh: false } };
    const placed = await place({ own: { groups: { g: LOCAL }, permissions } });
    expect(await code(await ask(placed.host("http-22")))).toEqual([403, "not_granted"]);
  });

  test("an instance has its own port when there is a stride", async () => {
    const placed = await place({ programs: { code: [(upstream.port ?? 0) - 2, 1] } });
    const { headers } = await echoed(await ask(placed.host("terminal-1")));
    expect(headers["x-realmgate-program"]).toBe("terminal");
    expect((await echoed(await ask(placed.host("code-3")))).headers["x-realmgate-program"]).toBe(
      "terminal",
    );
  });
});

describe("what the upstream is told", () => {
  const lies = {
    "x-forwarded-for": "10.9.9.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "lie",
    "x-forwarded-prefix": "/lie",
    forwarded: "for=10.9.9.9",
    "x-real-ip": "10.9.9.9",
    x_forwarded_for: "10.9.9.9",
    "x-realmgate-groups": "admin",
    x_realmgate_groups: "admin",
    "x-realmgate-request-id": "lie",
    connection: "x-realmgate-program, x-forwarded-for, x-hop, host, cookie",
    "x-hop": "1",
    te: "trailers",
    "keep-alive": "timeout=5",
    "proxy-authorization": "Basic x",
    cookie: "a=1",
  };

  test("by an untrusted peer: only what we say ourselves", async () => {
    const placed = await place({
      own: { groups: { g: LOCAL }, permissions: { g: { terminal: true } } },
    });
    const host = placed.host("terminal-1");
    const { headers } = await echoed(await ask(host, { headers: lies }));
    const { "user-agent": _, accept: __, "x-realmgate-request-id": id, ...rest } = headers;
    expect(id).toMatch(/^[0-9a-f]{24}$/);
    expect(rest).toEqual({
      host,
      connection: "keep-alive",
      cookie: "a=1",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-proto": "http",
      "x-forwarded-host": host,
      "x-realmgate-program": "terminal",
      "x-realmgate-instance": "1",
      "x-realmgate-groups": "g",
    });
  });

  test("by a trusted peer: its word on the client, but never on us", async () => {
    const own = { groups: { g: ip("198.51.100.0/24") }, permissions: { g: { terminal: true } } };
    const placed = await place({ own });
    const asked = (forwardedFor: string, via: ProxyServer) =>
      ask(placed.host("terminal-1"), {
        via,
        headers: { ...lies, connection: "x-forwarded-for", "x-forwarded-for": forwardedFor },
      });
    const { headers } = await echoed(await asked("203.0.113.9, 198.51.100.7", behindTrusted));
    expect(headers).toMatchObject({
      "x-forwarded-for": "203.0.113.9, 198.51.100.7, 127.0.0.1",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "lie",
      "x-realmgate-groups": "g",
    });
    expect(headers.x_forwarded_for).toBeUndefined();
    expect(headers.x_realmgate_groups).toBeUndefined();
    for (const list of ["198.51.100.7, 203.0.113.9", "198.51.100.7, unknown", "198.51.100.7:80"]) {
      expect(await code(await asked(list, behindTrusted))).toEqual([403, "denied"]);
    }
    expect(await code(await asked("198.51.100.7", proxy))).toEqual([403, "denied"]);
  });

  test("the Host as the client wrote it", async () => {
    const placed = await place();
    const host = `${placed.host("terminal-1").toUpperCase()}.:8443`;
    const answer = await raw(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(answer).toContain(`"host":"${host}"`);
    expect(answer).toContain(`"x-forwarded-host":"${host}"`);
  });

  test("no proxy of the environment comes between", async () => {
    const placed = await place();
    const names = ["http_proxy", "HTTP_PROXY", "ALL_PROXY"];
    const before = names.map((name) => process.env[name]);
    let diverted = 0;
    const trap = await listen((socket) => {
      diverted++;
      socket.end();
    });
    try {
      for (const name of names) {
        process.env[name] = `http://127.0.0.1:${trap}`;
      }
      await echoed(await ask(placed.host("terminal-1")));
    } finally {
      names.forEach((name, i) => {
        if (before[i] === undefined) {
          delete process.env[name];
        } else {
          process.env[name] = before[i];
        }
      });
    }
    expect(diverted).toBe(0);
  });
});

describe("requests and responses", () => {
  test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])(
    "%s carries its body",
    async (method) => {
      const placed = await place();
      const seen = await echoed(
        await ask(placed.host("terminal-1"), { method, body: "b\u00f6dy" }),
      );
      expect([seen.method, seen.body, seen.headers["content-length"]]).toEqual([
        method,
        "b\u00f6dy",
        "5",
      ]);
    },
  );

  test("a large body of known length keeps its length", async () => {
    const placed = await place();
    const body = "x".repeat(3_000_000);
    const seen = await echoed(await ask(placed.host("terminal-1"), { method: "POST", body }));
    expect(seen.body.length).toBe(3_000_000);
    expect(seen.headers["content-length"]).toBe("3000000");
  });

  test.each([204, 205, 304, 301, 404, 418, 500])("status %d passes through", async (status) => {
    const placed = await place();
    const response = await ask(placed.host("terminal-1"), { path: `/status/${status}` });
    expect([response.status, response.headers.get("etag"), await response.text()]).toEqual([
      status,
      '"x"',
      "",
    ]);
  });

  test("cookies stay apart and packed bodies stay packed", async () => {
    const placed = await place();
    const response = await ask(placed.host("terminal-1"), { path: "/cookies" });
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2; Path=/"]);
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(Buffer.from(Bun.gunzipSync(await response.bytes())).toString()).toBe("packed");
  });

  test("redirects are the client's to follow", async () => {
    const placed = await place();
    const response = await ask(placed.host("terminal-1"), { path: "/away" });
    expect([response.status, response.headers.get("location")]).toEqual([302, "/status/418"]);
  });

  test("https-PORT speaks HTTPS, with whatever certificate the container made", async () => {
    const tls = { key: CONTAINER_KEY, cert: CONTAINER_CERTIFICATE };
    const secure = Bun.serve({ hostname: "127.0.0.1", port: 0, tls, fetch: echo });
    const placed = await place();
    const host = placed.host(`https-${secure.port}`);
    const { headers } = await echoed(await ask(host));
    expect([headers.host, headers["x-realmgate-program"]]).toEqual([host, "https"]);
    const strict = await startProxy(options({ verifyUpstreams: true }), registry);
    expect(await code(await ask(host, { via: strict }))).toEqual([502, "upstream_unreachable"]);
    await strict.stop(true);
    await secure.stop(true);
  });

  test("HEAD is answered with the head of a GET", async () => {
    const placed = await place();
    const response = await ask(placed.host("terminal-1"), { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(Number(response.headers.get("content-length"))).toBeGreaterThan(0);
    expect(await response.text()).toBe("");
    const refused = await ask("example.test", { method: "HEAD" });
    expect([refused.status, await refused.text()]).toEqual([404, ""]);
  });

  test("hop-by-hop headers of the upstream end here, a missing type stays missing", async () => {
    const port = await listen((socket) =>
      socket.once("data", () =>
        socket.write(
          "HTTP/1.1 200 Fine\r\nConnection: x-hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-End: 2\r\nContent-Length: 2\r\n\r\nok",
        ),
      ),
    );
    const placed = await place({ programs: { terminal: port } });
    const answer = await raw(
      `GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nConnection: close\r\n\r\n`,
    );
    const head = answer.slice(0, answer.indexOf("\r\n\r\n")).toLowerCase();
    expect(head).toContain("x-end: 2");
    expect(head).not.toContain("x-hop");
    expect(head).not.toContain("timeout=5");
    expect(head).not.toContain("content-type");
    expect(answer).toEndWith("\r\n\r\nok");
  });
});

describe("streams", () => {
  test("the client sees the first part before the upstream has the second", async () => {
    const second = Promise.withResolvers<void>();
    const port = await listen((socket) =>
      socket.once("data", async () => {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
        await second.promise;
        socket.write("3\r\ntwo\r\n0\r\n\r\n");
      }),
    );
    const placed = await place({ programs: { terminal: port } });
    const response = await ask(placed.host("terminal-1"));
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("one");
    second.resolve();
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("two");
    expect((await reader.read()).done).toBe(true);
  });

  test("the upstream sees the first part before the client has sent the second", async () => {
    const first = Promise.withResolvers<void>();
    const whole = Promise.withResolvers<string>();
    let received = "";
    const port = await listen((socket) =>
      socket.on("data", (data) => {
        received += data.toString();
        if (received.includes("one")) {
          first.resolve();
        }
        if (received.endsWith("0\r\n\r\n")) {
          whole.resolve(received);
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
      }),
    );
    const placed = await place({ programs: { terminal: port } });
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(Buffer.from("one"));
        await first.promise;
        controller.enqueue(Buffer.from("two"));
        controller.close();
      },
    });
    const response = await ask(placed.host("terminal-1"), { method: "POST", body });
    expect(response.status).toBe(200);
    expect(await whole.promise).toMatch(/one[\s\S]*two/);
  });

  test.each([
    ["before the answer begins", ""],
    [
      "while the answer streams",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
    ],
  ])("a client that goes away %s ends the upstream's work", async (_when, begin) => {
    const arrived = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    const port = await listen((socket) => {
      socket.on("close", () => gone.resolve());
      socket.once("data", () => {
        socket.write(begin);
        arrived.resolve();
      });
    });
    const placed = await place({ programs: { terminal: port } });
    const client = net.connect(behindTrusted.port, "127.0.0.1");
    const answered = begin === "" ? arrived.promise : new Promise((r) => client.once("data", r));
    client.write(`GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\n\r\n`);
    await answered;
    client.destroy();
    await gone.promise;
  });

  test("a client that goes away in the middle of its body leaves the upstream a broken one", async () => {
    const ended = Promise.withResolvers<string>();
    const part = Promise.withResolvers<void>();
    let received = "";
    const port = await listen((socket) => {
      socket.on("data", (data) => {
        received += data.toString();
        if (received.includes("first")) {
          part.resolve();
        }
      });
      socket.on("close", () => ended.resolve(received));
    });
    const placed = await place({ programs: { terminal: port } });
    const client = net.connect(proxy.port, "127.0.0.1");
    client.write(
      `POST / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n`,
    );
    await part.promise;
    client.destroy();
    expect(await ended.promise).not.toContain("0\r\n\r\n");
  });
});

describe("an upstream that fails", () => {
  test("refusing the connection is 502", async () => {
    const port = await listen(() => {});
    open.pop()?.close();
    const placed = await place({ programs: { terminal: port } });
    expect(await code(await ask(placed.host("terminal-1")))).toEqual([502, "upstream_unreachable"]);
  });

  test.each([
    ["hanging up", ""],
    ["garbage", "SSH-2.0-OpenSSH\r\n"],
    ["a status that is none", "HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"],
    ["switching protocols unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
  ])("%s is 502", async (_what, bytes) => {
    const port = await listen((socket) => socket.once("data", () => socket.end(bytes)));
    const placed = await place({ programs: { terminal: port } });
    const init = { method: "POST", body: "x" };
    const response = await ask(placed.host("terminal-1"), init);
    expect(await code(response)).toEqual([502, "upstream_unreachable"]);
  });

  test("silence is 504, and the upstream is let go", async () => {
    const gone = Promise.withResolvers<void>();
    const port = await listen((socket) => {
      socket.on("data", () => {});
      socket.on("close", () => gone.resolve());
    });
    const placed = await place({ programs: { terminal: port } });
    expect(await code(await ask(placed.host("terminal-1")))).toEqual([504, "upstream_timeout"]);
    await gone.promise;
  });

  test.each([
    ["of known length", "Content-Type: text/plain\r\nContent-Length: 10\r\n\r\nabc"],
    ["in chunks", "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"],
    ["without a type", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"],
  ])("dying in the middle of a body %s is seen by the client", async (_how, rest) => {
    const cut = Promise.withResolvers<void>();
    const port = await listen((socket) =>
      socket.once("data", async () => {
        socket.write(`HTTP/1.1 200 OK\r\n${rest}`);
        await cut.promise;
        socket.destroy();
      }),
    );
    const placed = await place({ programs: { terminal: port } });
    const client = net.connect(proxy.port, "127.0.0.1");
    const { promise, resolve } = Promise.withResolvers<string>();
    let received = "";
    client.on("data", (data) => {
      received += data.toString();
      if (received.includes("abc")) {
        cut.resolve();
      }
    });
    client.on("error", () => {});
    client.on("close", () => resolve(received));
    client.write(`GET / HTTP/1.1\r\nHost: ${placed.host("terminal-1")}\r\n\r\n`);
    const answer = await promise;
    expect(answer).toContain("abc");
    expect(answer).not.toEndWith("0\r\n\r\n");
    const length = /content-length: (\d+)/i.exec(answer)?.[1];
    expect(length === undefined || length === "10").toBe(true);
  });

  test("the next request is served as if nothing had been", async () => {
    const placed = await place();
    await echoed(await ask(placed.host("terminal-1")));
  });
});

describe("bytes on the wire", () => {
  let host: string;
  beforeAll(async () => {
    host = (await place()).host("terminal-1");
  });
  const get = (line: string, hosts: string[], more = "") =>
    raw(
      `${line}\r\n${hosts.map((h) => `Host: ${h}\r\n`).join("")}Connection: close\r\n${more}\r\n`,
    );

  test.each([
    ["two Host lines", () => [host, host]],
    ["two different Host lines", () => [host, "example.test"]],
    ["an empty Host", () => [""]],
    ["userinfo", () => [`user@${host}`]],
    ["userinfo and password", () => [`example.test:80@${host}`]],
    ["a slash", () => [`${host}/`]],
    ["an underscore", () => [`_.${host}`]],
    ["a percent", () => [host.replace("a", "%61")]],
    ["bytes beyond ASCII", () => [`\u00e9${host}`]],
    ["a port that is none", () => [`${host}:x`]],
    ["port 0", () => [`${host}:0`]],
    ["a space", () => [`${host} x`]],
  ])("%s is 400", async (_what, hosts) => {
    const answer = await get("GET / HTTP/1.1", hosts());
    expect(answer).toStartWith("HTTP/1.1 400 ");
    expect(answer).toContain("bad_host");
  });

  test("no Host in HTTP/1.0 is 400", async () => {
    expect(await raw("GET / HTTP/1.0\r\n\r\n")).toContain("bad_host");
  });

  test.each([
    ["upper case", () => host.toUpperCase()],
    ["a trailing dot", () => `${host}.`],
    ["a port", () => `${host}:443`],
    ["all of them", () => `${host.toUpperCase()}.:1`],
  ])("%s is the same host", async (_what, spelled) => {
    expect(await get("GET / HTTP/1.1", [spelled()])).toStartWith("HTTP/1.1 200 ");
  });

  test("the Host decides, not the authority of an absolute target", async () => {
    const answer = await get("GET http://example.test/x?y HTTP/1.1", [host]);
    expect(answer).toStartWith("HTTP/1.1 200 ");
    expect(answer).toContain('"target":"/x?y"');
  });

  test.each([
    ["TRACE", "TRACE / HTTP/1.1", 405],
    ["CONNECT", "CONNECT example.test:443 HTTP/1.1", 405],
    ["OPTIONS *", "OPTIONS * HTTP/1.1", 400],
  ])("%s is %3$d", async (_what, line, status) => {
    expect(await get(line, [host])).toStartWith(`HTTP/1.1 ${status} `);
  });

  test.each([
    ["GET", "Content-Length: 3\r\n", "abc"],
    ["HEAD", "Content-Length: 3\r\n", "abc"],
    ["GET", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"],
  ])("a %s with a body is 400 and ends the connection", async (method, framing, body) => {
    const answer = await raw(
      `${method} / HTTP/1.1\r\nHost: ${host}\r\n${framing}\r\n${body}GET /next HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    );
    expect(answer).toStartWith("HTTP/1.1 400 ");
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  test.each([
    ["both framings", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"],
    ["both framings, the other way round", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"],
    ["two lengths", "Content-Length: 3\r\nContent-Length: 4\r\n"],
    ["a list of codings", "Transfer-Encoding: gzip, chunked\r\n"],
    ["a coding that is none", "Transfer-Encoding: xchunked\r\n"],
  ])("%s is 400", async (_what, framing) => {
    const answer = await raw(`POST / HTTP/1.1\r\nHost: ${host}\r\n${framing}\r\n0\r\n\r\n`);
    expect(answer).toStartWith("HTTP/1.1 400 ");
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  test("what is left of a refused body never becomes a request", async () => {
    const denied = (await place({ own: { default: "deny" } })).host("terminal-1");
    const smuggled = `GET /smuggled HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    for (const length of [smuggled.length, smuggled.length + 1_000]) {
      const answer = await raw(
        `POST / HTTP/1.1\r\nHost: ${denied}\r\nContent-Length: ${length}\r\n\r\n${smuggled}`,
      );
      expect(answer).toStartWith("HTTP/1.1 403 ");
      expect(answer).not.toContain("smuggled");
      expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    }
  });

  test("each request of a connection is decided by itself", async () => {
    const denied = (await place({ own: { default: "deny" } })).host("terminal-1");
    const client = net.connect(proxy.port, "127.0.0.1");
    const statuses: string[] = [];
    for (const name of [host, denied, host]) {
      const answer = new Promise<Buffer>((resolve) => client.once("data", resolve));
      client.write(`GET / HTTP/1.1\r\nHost: ${name}\r\n\r\n`);
      statuses.push((await answer).toString().slice(0, 12));
    }
    client.destroy();
    expect(statuses).toEqual(["HTTP/1.1 200", "HTTP/1.1 403", "HTTP/1.1 200"]);
  });

  test("a request that does not wait for the answer before it is never served out of turn", async () => {
    // The runtime ends the connection, without any answer.
    const two = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(2);
    expect(await raw(two)).toBe("");
  });

  test("an allowed upgrade is 501, a refused one is refused", async () => {
    const denied = (await place({ own: { default: "deny" } })).host("terminal-1");
    const upgrade =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 13\r\n";
    for (const [name, status] of [
      [host, 501],
      [denied, 403],
    ] as const) {
      const response = await ask(name, {
        headers: Object.fromEntries(
          upgrade
            .trim()
            .split("\r\n")
            .map((line) => line.split(": ") as [string, string]),
        ),
      });
      expect(response.status).toBe(status);
    }
  });

  test("an upgrade to something else is an ordinary request", async () => {
    const answer = await get("GET / HTTP/1.1", [host], "Upgrade: h2c, websocket\r\n");
    expect(answer).toStartWith("HTTP/1.1 200 ");
    expect(answer).not.toContain('"upgrade"');
  });
});

describe("the proxy itself", () => {
  test("refuses a browser with a page", async () => {
    const response = await ask("example.test", { headers: { accept: "text/html,*/*;q=0.8" } });
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await response.text()).toContain(response.headers.get("x-realmgate-request-id") ?? "?");
  });

  test("survives an error of its own with 500, and says nothing of it", async () => {
    const failing = await startProxy(
      options({
        isForbidden: () => {
          throw new Error("secret detail");
        },
      }),
      registry,
    );
    const placed = await place();
    expect(await failing.reached(registry.revision, 2_000)).toBe(true);
    for (let i = 0; i < 2; i++) {
      const response = await ask(placed.host("terminal-1"), { via: failing });
      const text = await response.text();
      expect([response.status, text.includes("internal_error"), text.includes("secret")]).toEqual([
        500,
        true,
        false,
      ]);
    }
    expect(logged.some(({ message }) => message === "request failed in the gate")).toBe(true);
    await failing.stop();
  });

  test("stops when the open requests are done", async () => {
    const finish = Promise.withResolvers<void>();
    const port = await listen((socket) =>
      socket.once("data", async () => {
        await finish.promise;
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
      }),
    );
    const placed = await place({ programs: { terminal: port } });
    const stopping = await startProxy(options({ responseHeaderMs: 60_000 }), registry);
    const response = ask(placed.host("terminal-1"), { via: stopping });
    await new Promise<void>((resolve) => open.at(-1)?.once("connection", () => resolve()));
    const stopped = stopping.stop();
    finish.resolve();
    expect(await (await response).text()).toBe("done");
    await stopped;
    expect(ask(placed.host("terminal-1"), { via: stopping })).rejects.toThrow();
  });

  test("says which revision it enforces", async () => {
    await place();
    expect(proxy.revision()).toBe(registry.revision);
    expect(await proxy.reached(registry.revision + 1n, 1)).toBe(false);
  });
});
