// Every option of the data plane, with its unit, default and limit.
import type { ExchangeLog } from "../exchange-log/exchange-log.ts";
import type { Log } from "../log.ts";
import type { RecentPolicies } from "../policy/recent-policies.ts";
import type { InheritedSockets, ProxyTls } from "./edge/listeners.ts";
import type { AccessLog } from "./observe/access-log.ts";
import type { TraceExport } from "./observe/trace-export.ts";
import type { SnapshotPlace } from "./snapshot/enforcement.ts";
import type { UpstreamTls } from "./upstream/tls.ts";

export type PlainEdge = "wire" | "serve";

export interface ProxyOptions {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
  /** Whether it listens in plain text at all: otherwise `tls` is needed. Default: true. */
  readonly plain?: boolean;
  /** The plain listener sends clients to HTTPS at the port of `tls`, or at the one that they know it by. Default: null, it serves them. */
  readonly httpsRedirect?: "listener" | number | null;
  /** Whether other processes of the same user may listen there, too: a successor, before this one closes. Default: false. */
  readonly reusePort?: boolean;
  /** Sockets that listen on the addresses already, made elsewhere, for the edge `wire`. Default: it makes its own. */
  readonly inherited?: InheritedSockets | null;
  /** What serves HTTP/1.1: bare sockets, or the runtime's server, which always serves HTTP/2. Default: wire. */
  readonly plainEdge?: PlainEdge;
  /**
   * CIDRs of the peers whose connections to the plain listener begin with a header of the PROXY protocol, which says who the
   * peer is. Needs the edge `wire`. Default: none.
   */
  readonly proxyProtocol?: readonly string[];
  /** A second listener, with TLS. Default: none. */
  readonly tls?: ProxyTls | null;
  /** Containers are at `*.<server>.containers.<domain>`. */
  readonly domain: string;
  readonly serverName: string;
  /** CIDRs of the peers whose forwarding headers are believed. */
  readonly trustedProxies: readonly string[];
  /** Default port of each kit program. */
  readonly programPorts: Readonly<Record<string, number>>;
  /** Where the last snapshot is saved, and read from when the source does not answer at the start. Default: nowhere. */
  readonly snapshotPlace?: SnapshotPlace | null;
  /** How long after the source was last heard everything is refused, in milliseconds. Default: never. */
  readonly stalenessMaxMs?: number | null;
  /** How certificates of upstreams are verified. Default: `off`. */
  readonly upstreamTls?: UpstreamTls;
  /** How long an upstream may take to begin its response, in milliseconds. Default: 60,000. */
  readonly responseHeaderMs?: number;
  /** How long a connection may be silent between requests and while one arrives, in seconds, at most 255. Default: 30. */
  readonly idleS?: number;
  /**
   * How many exchanges (requests with their responses, WebSockets, tunnels) may be active; containers and client networks get
   * fair shares of them. Each takes two sockets. Default: 32,768.
   */
  readonly exchangesMax?: number;
  /** Wrong credentials that one client network may present to one container in a minute. Default: 100. */
  readonly credentialFailuresMax?: number;
  /** Called with each wrong credential that was counted: `container network`. Others of the same address may count it, too. Default: not. */
  readonly credentialFailed?: ((pair: string) => void) | null;
  /** How long an exchange may go on without anything moving in it, in milliseconds; 0: without a limit. Default: an hour. */
  readonly streamSilenceMs?: number;
  /** Bytes that the body of a request must have in each minute that the client is waited for. Default: 240. */
  readonly bodyBytesPerMinuteMin?: number;
  /** Bytes of WebSocket messages that programs have sent half of, in all. Default: 256 MiB. */
  readonly halfMessagesBytesMax?: number;
  /**
   * Bytes of bodies and tunnels that are held because a client or a program does not take them, in all. Beyond it the exchange
   * that stalls longest, of the client network or container that holds most, is ended. Default: 256 MiB.
   */
  readonly heldBytesMax?: number;
  /** Whether a container may live at this address (canonical text). Asked when a container changes. */
  readonly mayDial: (address: string) => boolean;
  /** Whether one of our own listeners has this address and port: it is never dialled. Asked for each request. */
  readonly isForbidden: (address: string, port: number) => boolean;
  /** Policies that the control plane of the same process compiled a moment ago. Default: none. */
  readonly recentPolicies?: RecentPolicies | null;
  readonly log: Log;
  /** Sign bypass tokens of hooks: see BypassTokens. The same for all proxies of an installation. */
  readonly bypassKeys: () => readonly Uint8Array[];
  /** Gets a line for each exchange. Without one, refusals go to `log`, at a limited rate. Default: none. */
  readonly accessLog?: AccessLog | null;
  /** Where spans of sampled traces go. Default: nowhere. */
  readonly traces?: TraceExport | null;
  /** Stores each exchange of a container, and answers for the built-in program `logs`. Default: none. */
  readonly exchangeLog?: ExchangeLog | null;
}

/** Options with their defaults. */
export type ProxySettings = Required<ProxyOptions>;

const DEFAULTS = {
  plain: true,
  httpsRedirect: null,
  reusePort: false,
  inherited: null,
  plainEdge: "wire",
  proxyProtocol: [],
  tls: null,
  snapshotPlace: null,
  stalenessMaxMs: null,
  recentPolicies: null,
  upstreamTls: "off",
  responseHeaderMs: 60_000,
  idleS: 30,
  exchangesMax: 32_768,
  credentialFailuresMax: 100,
  credentialFailed: null,
  streamSilenceMs: 3_600_000,
  bodyBytesPerMinuteMin: 240,
  halfMessagesBytesMax: 256 * 1024 * 1024,
  heldBytesMax: 256 * 1024 * 1024,
  accessLog: null,
  traces: null,
  exchangeLog: null,
} as const satisfies Partial<ProxyOptions>;

export function withDefaults(options: ProxyOptions): ProxySettings {
  return { ...DEFAULTS, ...options };
}
