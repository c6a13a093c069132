// The data plane as the rest of `serve` sees it: in this process, or in processes of its own.
import type { ConnectionPort } from "../admin/containers/connection-service.ts";
import type { StoreChangeSource } from "../admin/feed/change-source.ts";
import type { KeyRing } from "../admin/store/key-ring.ts";
import type { Config } from "../config/config.ts";
import type { ListenAddress } from "../config/setting-readers.ts";
import type { ExchangeLog } from "../exchange-log/exchange-log.ts";
import type { Log } from "../log.ts";
import type { MetricsFormat } from "../ops.ts";
import type { RecentPolicies } from "../policy/recent-policies.ts";
import type { Instruments } from "../proxy/observe/instruments.ts";
import type { ProxyOptions } from "../proxy/options.ts";
import type { Enforcement } from "../proxy/snapshot/enforcement.ts";

export interface Gates {
  /** Null: there is no plain listener. */
  readonly plain: ListenAddress | null;
  /** Null: there is no listener with TLS. */
  readonly tls: ListenAddress | null;
  /** What it listens on besides, on loopback and for itself alone. */
  inner(): readonly ListenAddress[];
  /** For the series of this process. */
  readonly instruments: Instruments;
  /** What is enforced; of several processes the least. */
  enforcement(): Enforcement;
  /** What is wrong with its processes, for people. */
  readonly problems: readonly string[];
  /** Those of them that should serve and say nothing, for people. */
  readonly silent: readonly string[];
  reached(revision: bigint, waitMs: number, lineage?: string): Promise<boolean>;
  hasLost(revision: bigint, lineage: string): boolean | Promise<boolean>;
  readonly metrics: { format(accept: string | null): MetricsFormat };
  readonly connections: ConnectionPort;
  reloadTls(): Promise<void>;
  /** Seals the saved snapshot with the present keys. Resolves to whether it lies there so, in all processes. */
  resealSnapshot(): Promise<boolean>;
  /** The node listens here now: none of it is dialled. */
  own(listeners: readonly ListenAddress[]): void;
  /** Closes as gently as it can within so many milliseconds. */
  drain(boundMs: number): Promise<void>;
}

export interface GatesOptions {
  readonly config: Config;
  readonly ring: KeyRing;
  readonly snapshotPath: string;
  readonly source: StoreChangeSource;
  readonly own: readonly ListenAddress[];
  readonly recentPolicies: RecentPolicies;
  readonly exchangeLog: ExchangeLog | null;
  readonly log: Log;
}

/** Gates that are about to start. */
export interface PreparedGates {
  /** Rejects with CannotListen when an address is in use. */
  start(options: GatesOptions): Promise<Gates>;
  /** The source can be read from now on. */
  follow(options: GatesOptions): Promise<void>;
  /** Nothing is read from the source any more. */
  unfollow(): Promise<void>;
  /** Ends what was prepared, whether or not it was started. */
  abandon(): Promise<void>;
}

/** Where a listener that is off does not listen. */
export const NOWHERE: ListenAddress = { hostname: "127.0.0.1", port: 0 };

/** Options that do not depend on the process. */
export function commonOptions(config: Config) {
  return {
    ...(config.proxyListen ?? NOWHERE),
    plain: config.proxyListen !== null,
    httpsRedirect: config.httpsRedirect,
    proxyProtocol: config.proxyProtocol,
    stalenessMaxMs: config.stalenessMaxS === null ? null : config.stalenessMaxS * 1000,
    domain: config.domain,
    serverName: config.serverName,
    trustedProxies: config.trustedProxies,
    credentialFailuresMax: config.credentialFailuresMax,
    streamSilenceMs: config.streamSilenceS * 1000,
    bodyBytesPerMinuteMin: config.bodyBytesPerMinuteMin,
    programPorts: config.programPorts,
  } satisfies Partial<ProxyOptions>;
}
