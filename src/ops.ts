// The operators' listener, behind a relay that guards it: liveness, readiness for a given revision, and metrics.
import type { ListenAddress } from "./config/setting-readers.ts";
import { RelayListener } from "./guard/relay-listener.ts";
import type { RelayLimits } from "./guard/relayed.ts";
import { RELAY_SERVER_HOST, type ServerPeer } from "./guard/server-peer.ts";
import { PROGRAM_FIELD } from "./guard/through-gate.ts";

/** Longest wait that a caller may request, in milliseconds. */
const waitMsMax = 60_000;
/** Seconds that a connection may be idle beyond the longest wait. */
const idleMarginS = 10;
/** How long answers may take to reach their clients when the server stops, in milliseconds. */
const flushMs = 1000;

/** How long requests that are being answered may go on when the server stops, in milliseconds. `/readyz` may wait for a minute. */
const finishMs = 2000;
const pollMs = 5;

/** Few clients, which ask for little; an answer of metrics costs some milliseconds. */
export const opsLimits: RelayLimits = {
  connectionsMax: 32,
  perNetworkMax: 24,
  firstByteMs: 10_000,
  silentMs: waitMsMax + 2 * idleMarginS * 1000,
  bytesPerTurn: 512,
  lingerMs: 2000,
  lingerBytes: 1024 * 1024,
};

interface OpsOptions {
  readonly listen: ListenAddress;
  /** Resolves true once the proxy enforces the revision, false after `waitMs`. */
  readonly reached: (revision: bigint, waitMs: number, lineage?: string) => Promise<boolean>;
  /** Whether the revision was lost with the database that made it. */
  readonly hasLost: (revision: bigint, lineage: string) => boolean | Promise<boolean>;
  /** Opaque token → revision and its lineage; null when this installation did not issue it. Null: the node enforces nothing. */
  readonly openRevision:
    | ((token: string) => { readonly revision: number; readonly lineage: string } | null)
    | null;
  /** Response to `GET /metrics`, in the format that suits an Accept field. */
  readonly metrics: { format(accept: string | null): MetricsFormat };
  readonly health: () => Health;
}

export interface MetricsFormat {
  readonly contentType: string;
  text(): Promise<string>;
}

/** State of this node. */
export interface Health {
  /** Stopping: it accepts nothing new. */
  readonly draining: boolean;
  /** Problems that the node runs on with, for people. */
  readonly problems: readonly string[];
  /** Processes that should serve and say nothing, for people; unset: there are none. */
  readonly silent?: readonly string[];
  readonly snapshot: {
    /** Origin of the enforced snapshot: none, disk or live feed. */
    readonly from: "none" | "file" | "live";
    readonly revision: number;
    /** When the control plane last answered, Unix milliseconds; null: never. */
    readonly heardAtMs: number | null;
    /** Not null: nothing is allowed, for this reason. */
    readonly closed: string | null;
  };
}

export interface OpsServer extends ListenAddress {
  /** All that it listens on, the server behind the relay included. */
  readonly listeners: readonly ListenAddress[];
  stop(): Promise<void>;
}

/** Starts the listener. Throws when the address is taken. */
export function startOps(options: OpsOptions): OpsServer {
  // The relay needs the server's port, and the server asks the relay who calls.
  let relay: RelayListener | null = null;
  const server = serveOps(options, (peer) => relay?.clientOf(peer) !== undefined);
  const inner = { hostname: RELAY_SERVER_HOST, port: server.port ?? 0 };
  try {
    relay = new RelayListener({ ...options.listen, serverPort: inner.port, limits: opsLimits });
  } catch (error) {
    void server.stop(true);
    throw error;
  }
  const { hostname, port } = relay;
  return {
    hostname,
    port,
    listeners: [{ hostname, port }, inner],
    async stop() {
      relay?.stopAccepting();
      void server.stop();
      // `stop()` alone would also wait for a request that has come in part.
      const untilMs = performance.now() + finishMs;
      while (server.pendingRequests > 0 && performance.now() < untilMs) await Bun.sleep(pollMs);
      await server.stop(true);
      await relay?.ended(flushMs);
      relay?.close();
    },
  };
}

function serveOps(
  options: OpsOptions,
  isRelayed: (peer: ServerPeer) => boolean,
): Bun.Server<undefined> {
  const texts = new SharedTexts();
  return Bun.serve({
    hostname: RELAY_SERVER_HOST,
    port: 0,
    development: false,
    // Without this, `development: false` shares the port with other processes (seen in Bun 1.4.5).
    reusePort: false,
    idleTimeout: waitMsMax / 1000 + idleMarginS,
    fetch: async (request, server) => {
      const peer = server.requestIP(request);
      // Nobody's metrics are a program of a container.
      if (peer === null || !isRelayed(peer) || request.headers.has(PROGRAM_FIELD)) {
        return new Response(null, { status: 403, headers: { Connection: "close" } });
      }
      const isRead = request.method === "GET" || request.method === "HEAD";
      if (!isRead || !URL.canParse(request.url)) return notFound();
      const { pathname, searchParams } = new URL(request.url);
      switch (pathname) {
        case "/healthz":
          return healthz(options.health());
        case "/metrics":
          return await metrics(options.metrics.format(request.headers.get("accept")), texts);
        case "/readyz":
          return await readyz(searchParams, options);
        default:
          return notFound();
      }
    },
  });
}

function notFound(): Response {
  return Response.json({ status: "not_found" }, { status: 404 });
}

/** Requests share the answer of their format that is being made, or was made in the same turn of the event loop. */
class SharedTexts {
  readonly #texts = new Map<string, Promise<string>>();

  of({ contentType, text }: MetricsFormat): Promise<string> {
    const current = this.#texts.get(contentType);
    if (current !== undefined) return current;
    const made = text();
    this.#texts.set(contentType, made);
    const over = () => setImmediate(() => this.#texts.delete(contentType));
    made.then(over, over);
    return made;
  }
}

/** Always 200: restarting the node would not solve any of the `problems`. */
function healthz({ draining, problems, snapshot }: Health): Response {
  const status = draining ? "draining" : problems.length === 0 ? "ok" : "degraded";
  const { heardAtMs, ...rest } = snapshot;
  const heard_at = heardAtMs === null ? null : new Date(heardAtMs).toISOString();
  return Response.json({ status, problems, snapshot: { ...rest, heard_at } });
}

async function metrics(format: MetricsFormat, texts: SharedTexts): Promise<Response> {
  const headers = { "content-type": format.contentType, vary: "Accept" };
  return new Response(await texts.of(format), { headers });
}

/**
 * 200 once the proxy enforces `revision` (any revision when unset); 504 when it does not within `wait_ms` (default 0); 409 when it never will; 503 when
 * the node should get no traffic: it is draining, nothing is allowed, or a part of it does not answer.
 */
async function readyz(query: URLSearchParams, options: OpsOptions): Promise<Response> {
  const token = query.get("revision");
  const { openRevision } = options;
  if (token !== null && openRevision === null) {
    const message =
      "this node enforces no revisions: ask GET /api/v1/enforcement, or a proxy's operators' listener";
    return Response.json({ status: "bad_request", message }, { status: 400 });
  }
  const asked = token === null ? { revision: 0 } : (openRevision?.(token) ?? null);
  const waitMs = Number(query.get("wait_ms") ?? 0);
  if (asked === null) {
    return Response.json(
      { status: "bad_request", message: "revision is not a token of this installation" },
      { status: 400 },
    );
  }
  if (!Number.isInteger(waitMs) || waitMs < 0 || waitMs > waitMsMax) {
    return Response.json(
      { status: "bad_request", message: `wait_ms must be 0 to ${waitMsMax}` },
      { status: 400 },
    );
  }
  const { revision, lineage } = { lineage: undefined, ...asked };
  const enforced = await options.reached(BigInt(revision), waitMs, lineage);
  const { draining, silent = [], snapshot } = options.health();
  if (draining) return Response.json({ status: "draining" }, { status: 503 });
  if (snapshot.closed !== null) {
    return Response.json({ status: snapshot.closed, from: snapshot.from }, { status: 503 });
  }
  if (!enforced && silent.length > 0) {
    const message = `${silent.join(", ")} says nothing`;
    return Response.json({ status: "silent", from: snapshot.from, message }, { status: 503 });
  }
  if (!enforced && lineage !== undefined && (await options.hasLost(BigInt(revision), lineage))) {
    const message = "the write was lost with the database that stored it: write again";
    return Response.json({ status: "lost", message }, { status: 409 });
  }
  return enforced
    ? Response.json({ status: "ready", from: snapshot.from })
    : Response.json({ status: "waiting", from: snapshot.from }, { status: 504 });
}
