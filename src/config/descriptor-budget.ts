// How the file descriptors of the process are shared: the API must not be able to take those of the data plane.
import { readFileSync } from "node:fs";

/** Descriptors of one connection to the API: the client's socket, and both ends of the one to the server behind it. */
const perApiConnection = 3;
/** Descriptors of one exchange: the client's socket and the upstream's. */
const perExchange = 2;
/** The share of the connections that may speak HTTP/2, each through a relay of two descriptors, where there is TLS. */
const perExchangeWithTls = perExchange + 2 / 8;
/** For files, the database, pipes, and the operators' listener, which must answer when everything else is full. */
const reserved = 160;
const apiShare = 1 / 4;
const apiConnectionsMax = 1024;

export interface DescriptorBudget {
  /** Connections to REST and gRPC together. */
  readonly api: number;
  /** Concurrent exchanges of the proxy: `exchangesMax`, or fewer when there are too few descriptors. */
  readonly proxy: number;
  /** One line for the operator; null: all that was asked for fits. */
  readonly warning: string | null;
}

export interface DescriptorDemand {
  readonly exchangesMax: number;
  /** Connections to the API; null: a quarter of the descriptors, for at most 1,024 connections. */
  readonly apiConnectionsMax: number | null;
  /** Null: clients speak no TLS, and no HTTP/2. */
  readonly proxyTls: object | null;
}

/** `limit`: descriptors that this process may open (`ulimit -n`). Each answer is at least 1. */
export function descriptorBudget(limit: number, demand: DescriptorDemand): DescriptorBudget {
  const ours = limit - Math.min(reserved, Math.floor(limit / 4));
  const share = Math.floor((limit * apiShare) / perApiConnection);
  const api = demand.apiConnectionsMax ?? Math.max(1, Math.min(apiConnectionsMax, share));
  const each = demand.proxyTls === null ? perExchange : perExchangeWithTls;
  const left = Math.max(each, ours - api * perApiConnection);
  const proxy = Math.min(demand.exchangesMax, Math.floor(left / each));
  if (proxy === demand.exchangesMax) return { api, proxy, warning: null };
  const needed = Math.ceil(demand.exchangesMax * each) + api * perApiConnection + reserved;
  const warning = `ulimit -n is ${limit}: ${proxy} concurrent exchanges instead of ${demand.exchangesMax}; raise it to ${needed}`;
  return { api, proxy, warning };
}

/** What to plan with where the limit cannot be read: the lowest default of the systems that Bun runs on. */
const unknownLimit = 1024;

/** Descriptors that this process may open. Bun raises the soft limit to the hard limit at its start. */
export function descriptorLimit(readLimits: () => string = procLimits): number {
  try {
    const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(readLimits())?.[1];
    if (soft === "unlimited") return Number.MAX_SAFE_INTEGER;
    return soft === undefined ? unknownLimit : Number(soft);
  } catch {
    return unknownLimit;
  }
}

/** Of Linux (proc_pid_limits(5)). */
function procLimits(): string {
  return readFileSync("/proc/self/limits", "utf8");
}
