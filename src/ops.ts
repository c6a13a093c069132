// The operators' listener: is this node alive, does its proxy enforce a given revision yet, and what has it seen.
import type { ListenAddress } from "./config/setting-readers.ts";

/** Longest wait that a caller may ask for, in milliseconds. */
const waitMsMax = 60_000;
/** How much longer than the longest wait a connection may be silent, in seconds. */
const idleMarginS = 10;

interface OpsOptions {
  readonly listen: ListenAddress;
  /** Resolves true once the proxy enforces the revision, false after `waitMs`. */
  readonly reached: (revision: bigint, waitMs: number) => Promise<boolean>;
  /** Opaque token → revision; null when it is not one of ours. */
  readonly openRevision: (token: string) => number | null;
  /** What `GET /metrics` answers. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  readonly health: () => Health;
}

/** How this node is. */
export interface Health {
  /** It was told to stop and takes nothing new. */
  readonly draining: boolean;
  /** What is not as it should be, though it goes on. */
  readonly problems: readonly string[];
  readonly snapshot: {
    /** Whose word is enforced: nobody's yet, what was saved, or what the control plane says. */
    readonly from: "none" | "file" | "live";
    readonly revision: number;
    /** Unix milliseconds; null: the control plane was never heard. */
    readonly heardAtMs: number | null;
    /** Not null: nothing is allowed. */
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
    // Unless told, `development: false` shares the port with whoever else asks for it (seen in Bun 1.4.5).
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

/** 200 as long as it answers: to be started again would mend nothing that `problems` tells of. */
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
 * 200 once the proxy enforces `revision` (any revision when unset), 504 when `wait_ms` (0) was not enough. 503 when it is no
 * good to send clients here: it is going, or nothing is allowed.
 */
async function readyz(query: URLSearchParams, options: OpsOptions): Promise<Response> {
  const token = query.get("revision");
  const revision = token === null ? 0 : options.openRevision(token);
  const waitMs = Number(query.get("wait_ms") ?? 0);
  if (revision === null) {
    return Response.json(
      { status: "bad_request", message: "revision is no token of this installation" },
      { status: 400 },
    );
  }
  if (!Number.isInteger(waitMs) || waitMs < 0 || waitMs > waitMsMax) {
    return Response.json(
      { status: "bad_request", message: `wait_ms is 0 to ${waitMsMax}` },
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
