// What the tests of the running proxy stand on: a registry in their hands, proxies fed by it, an upstream that echoes.
import { afterAll, afterEach, expect } from "bun:test";
import net from "node:net";
import type { ProxyOptions } from "../../src/proxy/options.ts";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import {
  ChangeRegistry,
  containerState,
  PARENT,
  type Placement,
  projectState,
} from "./change-registry.ts";
import { listenLocally } from "./local-server.ts";
import { plainEdge } from "./on-edge.ts";
import { until } from "./until.ts";
import { untilClosed } from "./wire.ts";

export const FORBIDDEN_PORT = 9;
/** The proxies of all benches believe each other's markers. */
export const HOP_KEY = Buffer.alloc(32, 7);

export interface Placed {
  project: string;
  container: string;
  host(service: string): string;
  /** Changes it and waits until that is enforced. */
  change(placement: Placement): Promise<void>;
}

type Ask = BunFetchRequestInit & { path?: string; via?: ProxyServer };

export interface TestBench {
  readonly registry: ChangeRegistry;
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
  const registry = new ChangeRegistry();
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
    bypassKeys: () => [HOP_KEY],
    plainEdge,
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
            [projectState(registry, project, next)],
            [containerState(registry, project, container, next, upstream.port ?? 0)],
          );
          expect(await proxy.reached(revision, 2_000)).toBe(true);
          expect(await behindTrusted.reached(revision, 2_000)).toBe(true);
          // The file may have proxies of its own.
          await until(() => registry.isEverywhere(revision), "all proxies enforce the change");
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
    raw: (text) => untilClosed(proxy.port, text),
    async listen(serve) {
      const server = net.createServer((socket) => {
        socket.on("error", () => {});
        serve(socket);
      });
      listening.push(server);
      return listenLocally(server);
    },
  };
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
