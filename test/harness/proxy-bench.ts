// What the tests of the running proxy stand on: a registry in their hands, proxies fed by it, an upstream that echoes.
import { afterAll, afterEach, expect } from "bun:test";
import net from "node:net";
import { create, fromJson, type JsonObject } from "@bufbuild/protobuf";
import {
  type Changes,
  ChangesSchema,
  type ContainerState,
  ContainerStateSchema,
  type ProjectState,
  ProjectStateSchema,
  ServiceHooksStateSchema,
} from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { HookSchema } from "../../proto/gen/realmgate/v1/hooks_pb.ts";
import { PermissionDocumentSchema } from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import type { ProxyOptions } from "../../src/proxy/options.ts";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import type { ChangeSource } from "../../src/proxy/snapshot/feed.ts";

export const PARENT = "local.containers.example.test";
export const FORBIDDEN_PORT = 9;
/** The proxies of all benches believe each other's markers. */
export const HOP_KEY = Buffer.alloc(32, 7);

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

export interface Placement {
  /** The container's own document. */
  own?: JsonObject;
  /** The project's document. */
  project?: JsonObject;
  /** Program to port, or port and stride; `terminal` is the echo upstream unless said otherwise. */
  programs?: Record<string, number | [port: number, stride: number]>;
  /** Hooks by program. */
  hooks?: Record<string, JsonObject[]>;
  state?: Partial<Omit<ContainerState, "$typeName" | "$unknown">>;
  projectDisabled?: boolean;
}

export interface Placed {
  project: string;
  container: string;
  host(service: string): string;
  /** Changes it and waits until that is enforced. */
  change(placement: Placement): Promise<void>;
}

type Ask = BunFetchRequestInit & { path?: string; via?: ProxyServer };

export interface TestBench {
  readonly registry: Registry;
  /** What the proxies of this bench wrote to their log. */
  readonly logged: readonly { level: string; message: string; fields: object }[];
  readonly upstream: Bun.Server<undefined>;
  /** Trusts nobody, and waits for 400 ms. */
  readonly proxy: ProxyServer;
  /** Trusts its peer, and waits for a minute. */
  readonly behindTrusted: ProxyServer;
  /** What `listen` opened in the running test. */
  readonly listening: net.Server[];
  /** For a further proxy, which the test stops itself. */
  options(extra?: Partial<ProxyOptions>): ProxyOptions;
  /** A container in a project of its own. */
  place(placement?: Placement): Promise<Placed>;
  ask(host: string, init?: Ask): Promise<Response>;
  /** Bytes as they are; answers with everything that came until the connection ended. */
  raw(text: string): Promise<string>;
  /** An upstream that answers each connection with a function of its own, until the test ends. */
  listen(serve: (socket: net.Socket) => void): Promise<number>;
}

/** Starts a bench for the test file that calls it, and stops it when that file is done. */
export async function testBench(): Promise<TestBench> {
  const registry = new Registry();
  const logged: { level: string; message: string; fields: object }[] = [];
  const note = (level: string) => (fields: object, message: string) => {
    logged.push({ level, message, fields });
  };
  const log = { error: note("error"), warn: note("warn"), info: note("info") };
  const options = (extra: Partial<ProxyOptions> = {}): ProxyOptions => ({
    hostname: "127.0.0.1",
    port: 0,
    domain: "example.test",
    serverName: "local",
    trustedProxies: [],
    programPorts: { display: 1 },
    responseHeaderMs: 400,
    mayDial: () => true,
    isForbidden: (_address, port) => port === FORBIDDEN_PORT,
    hopKey: HOP_KEY,
    log,
    ...extra,
  });
  const upstream = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 0, fetch: echo });
  const proxy = await startProxy(options(), registry);
  const behindTrusted = await startProxy(
    options({ trustedProxies: ["127.0.0.0/8"], responseHeaderMs: 60_000 }),
    registry,
  );
  afterAll(async () => {
    await proxy.stop(true);
    await behindTrusted.stop(true);
    await upstream.stop(true);
  });

  const listening: net.Server[] = [];
  afterEach(() => {
    for (const server of listening.splice(0)) {
      server.close();
    }
  });

  let counter = 0;
  return {
    registry,
    logged,
    upstream,
    proxy,
    behindTrusted,
    listening,
    options,
    async place(placement = {}) {
      const project = (++counter).toString(16).padStart(24, "a");
      const container = counter.toString(16).padStart(24, "c");
      const placed: Placed = {
        project,
        container,
        host: (service) => `${project}-${container}-${service}.${PARENT}`,
        async change(next) {
          const revision = registry.commit(
            [projectState(project, next)],
            [containerState(project, container, next, upstream.port ?? 0)],
          );
          expect(await proxy.reached(revision, 2_000)).toBe(true);
          expect(await behindTrusted.reached(revision, 2_000)).toBe(true);
        },
      };
      await placed.change(placement);
      return placed;
    },
    ask(host, init = {}) {
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
    },
    raw(text) {
      const { promise, resolve } = Promise.withResolvers<string>();
      let received = "";
      const socket = net.connect(proxy.port, "127.0.0.1", () => socket.write(text, "latin1"));
      socket.on("data", (data) => {
        received += data.toString("latin1");
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(received));
      return promise;
    },
    async listen(serve) {
      const server = net.createServer((socket) => {
        socket.on("error", () => {});
        serve(socket);
      });
      listening.push(server);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return (server.address() as net.AddressInfo).port;
    },
  };
}

function projectState(id: string, placement: Placement): ProjectState {
  const state = create(ProjectStateSchema, { id, disabled: placement.projectDisabled ?? false });
  if (placement.project !== undefined) {
    state.document = fromJson(PermissionDocumentSchema, placement.project);
  }
  return state;
}

function containerState(
  projectId: string,
  id: string,
  placement: Placement,
  terminal: number,
): ContainerState {
  const programs: Record<string, { port: number; stride: number }> = {};
  for (const [name, at] of Object.entries({ terminal, ...placement.programs })) {
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
    hooks: Object.entries(placement.hooks ?? {}).map(([service, hooks]) =>
      create(ServiceHooksStateSchema, {
        service,
        hooks: hooks.map((hook) => fromJson(HookSchema, hook)),
      }),
    ),
    ...placement.state,
  } as ContainerState);
  if (placement.own !== undefined) {
    state.document = fromJson(PermissionDocumentSchema, placement.own);
  }
  return state;
}

export async function echo(request: Request): Promise<Response> {
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

export async function echoed(response: Response): Promise<Echo> {
  expect(response.status).toBe(200);
  return (await response.json()) as Echo;
}

export async function code(response: Response): Promise<[number, string]> {
  const body = (await response.json()) as { statusCode: number; code: string };
  expect(body.statusCode).toBe(response.status);
  expect(response.headers.get("x-realmgate-request-id")).toMatch(/^[0-9a-f]{24}$/);
  return [response.status, body.code];
}

export const ip = (range: string) => ({ type: "ip", range });
export const LOCAL = ip("127.0.0.0/8");
