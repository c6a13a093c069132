// The operators' listener: liveness, readiness for a given revision, and metrics.
import type { ListenAddress } from "./config/setting-readers.ts";

/** Longest wait that a caller may request, in milliseconds. */
const waitMsMax = 60_000;
/** Seconds that a connection may be idle beyond the longest wait. */
const idleMarginS = 10;

interface OpsOptions {
  readonly listen: ListenAddress;
  /** Resolves true once the proxy enforces the revision, false after `waitMs`. */
  readonly reached: (revision: bigint, waitMs: number) => Promise<boolean>;
  /** Opaque token → revision; null when this installation did not issue it. */
  readonly openRevision: (token: string) => number | null;
  /** Response to `GET /metrics`. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  readonly health: () => Health;
}

/** State of this node. */
export interface Health {
  /** Stopping: it accepts nothing new. */
  readonly draining: boolean;
  /** Problems that the node runs on with, for people. */
  readonly problems: readonly string[];
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

interface OpsServer extends ListenAddress {
  stop(): Promise<void>;
}

/** Starts the listener. Throws when the address is taken. */
export function startOps(options: OpsOptions): OpsServer {
  const { hostname, port } = options.listen;
  const server = Bun.serve({
    hostname,
    port,
    development: false,
    // Without this, `development: false` shares the port with other processes (seen in Bun 1.4.5).
    reusePort: false,
    idleTimeout: waitMsMax / 1000 + idleMarginS,
    routes: {
      "/healthz": { GET: () => healthz(options.health()) },
      "/metrics": { GET: () => metrics(options) },
      "/readyz": { GET: (request) => readyz(new URL(request.url).searchParams, options) },
    },
    fetch: () => Response.json({ status: "not_found" }, { status: 404 }),
  });
  return {
    hostname: server.hostname ?? hostname,
    port: server.port ?? port,
    stop: () => server.stop(),
  };
}

/** Always 200: restarting the node would not solve any of the `problems`. */
function healthz({ draining, problems, snapshot }: Health): Response {
  const status = draining ? "draining" : problems.length === 0 ? "ok" : "degraded";
  const { heardAtMs, ...rest } = snapshot;
  const heard_at = heardAtMs === null ? null : new Date(heardAtMs).toISOString();
  return Response.json({ status, problems, snapshot: { ...rest, heard_at } });
}

async function metrics({ metrics }: OpsOptions): Promise<Response> {
  return new Response(await metrics.text(), { headers: { "content-type": metrics.contentType } });
}

/**
 * 200 once the proxy enforces `revision` (any revision when unset); 504 when it does not within `wait_ms` (default 0); 503 when
 * the node should get no traffic: it is draining, or nothing is allowed.
 */
async function readyz(query: URLSearchParams, options: OpsOptions): Promise<Response> {
  const token = query.get("revision");
  const revision = token === null ? 0 : options.openRevision(token);
  const waitMs = Number(query.get("wait_ms") ?? 0);
  if (revision === null) {
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
  const enforced = await options.reached(BigInt(revision), waitMs);
  const { draining, snapshot } = options.health();
  if (draining) return Response.json({ status: "draining" }, { status: 503 });
  if (snapshot.closed !== null) {
    return Response.json({ status: snapshot.closed, from: snapshot.from }, { status: 503 });
  }
  return enforced
    ? Response.json({ status: "ready", from: snapshot.from })
    : Response.json({ status: "waiting", from: snapshot.from }, { status: 504 });
}
