// The data plane in processes of its own, which share its addresses and follow the control plane of this one.
import { Registry } from "@prometheus-io/client";
import type { KeyRing } from "../admin/store/key-ring.ts";
import { deriveKey } from "../admin/store/sealed.ts";
import type { Config } from "../config/config.ts";
import { descriptorBudget, descriptorLimit } from "../config/descriptor-budget.ts";
import type { ListenAddress } from "../config/setting-readers.ts";
import type { ExchangeLog } from "../exchange-log/exchange-log.ts";
import { RELAY_SERVER_HOST } from "../guard/server-peer.ts";
import type { Log } from "../log.ts";
import { NO_LINEAGE } from "../policy/lineage.ts";
import { CannotListen } from "../proxy/edge/listeners.ts";
import { readKeyPair } from "../proxy/edge/tls/key-pair.ts";
import { Instruments } from "../proxy/observe/instruments.ts";
import { exchangeLogThread } from "../proxy/observe/logged-exchange.ts";
import { formatFor } from "../proxy/observe/open-metrics.ts";
import { collectProcessMetrics } from "../proxy/observe/process-metrics.ts";
import type { Enforcement } from "../proxy/snapshot/enforcement.ts";
import { CallFailed } from "../workers/channel.ts";
import { ownCommand } from "../workers/command.ts";
import { type Duplicate, duplicator } from "../workers/descriptors.ts";
import { freeAddress, ListeningSocket } from "../workers/listening-socket.ts";
import {
  FIRST_SOCKET_DESCRIPTOR,
  type MetricValues,
  type WorkerStart,
  type WorkerState,
} from "../workers/messages.ts";
import { WorkerPool } from "../workers/worker-pool.ts";
import { commonOptions, type Gates, type GatesOptions, type PreparedGates } from "./gates.ts";
import { WorkerFeed } from "./worker-feed.ts";

/** Bytes of half messages of WebSockets, in all: see ProxyOptions. */
const HALF_MESSAGES_BYTES_MAX = 256 * 1024 * 1024;

/** Makes the processes and the sockets: they load while the control plane opens. Throws CannotListen. */
export function prepareWorkers(config: Config, log: Log): PreparedGates {
  return new WorkerGates(config, log);
}

class WorkerGates implements PreparedGates {
  readonly #config: Config;
  readonly #feed: WorkerFeed;
  readonly #sockets: Readonly<Record<"plain" | "tls", ListeningSocket | null>>;
  readonly #plain: Gates["plain"];
  readonly #tls: Config["proxyTls"];
  readonly #pool: WorkerPool;
  #token: string | null = null;

  constructor(config: Config, log: Log) {
    const { proxyListen, proxyReusePort, workers } = config;
    this.#config = config;
    const duplicate = duplicator();
    const { proxyTls } = config;
    // The runtime's server takes no socket that was made elsewhere.
    const make = config.proxyEdge === "wire" ? duplicate : null;
    const sockets: Record<"plain" | "tls", ListeningSocket | null> = { plain: null, tls: null };
    this.#sockets = sockets;
    try {
      sockets.plain = socketAt(proxyListen, false, proxyReusePort, make);
      sockets.tls = socketAt(proxyTls, true, proxyReusePort, make);
      this.#plain = sockets.plain ?? ownAddress(proxyListen, false, proxyReusePort);
      const tls = sockets.tls ?? ownAddress(proxyTls, true, proxyReusePort);
      this.#tls =
        proxyTls === null || tls === null
          ? null
          : { ...proxyTls, hostname: tls.hostname, port: tls.port };
      this.#feed = new WorkerFeed(config.dataDir);
      this.#pool = new WorkerPool({
        workers,
        command: ownCommand(),
        sockets: this.#inherited,
        log,
      });
    } catch (error) {
      for (const socket of this.#inherited) socket.close();
      throw error;
    }
  }

  /** In the order in which gate processes have them. */
  get #inherited(): ListeningSocket[] {
    return [this.#sockets.plain, this.#sockets.tls].filter((socket) => socket !== null);
  }

  #descriptorOf(socket: ListeningSocket | null): number | null {
    return socket === null ? null : FIRST_SOCKET_DESCRIPTOR + this.#inherited.indexOf(socket);
  }

  async start(options: GatesOptions): Promise<Gates> {
    const { config, exchangeLog, log } = options;
    const pool = this.#pool;
    const { workers } = config;
    pool.exchangeLog = exchangeLog;
    if (exchangeLog !== null) exchangeLog.beforeRead = () => pool.flushLogs();
    const { exchangesMax, warning } = dividedExchanges(config);
    if (warning !== null) log.warn({}, warning);
    let outer = options.own;
    const inner = () => pool.innerPorts.map((port) => ({ hostname: RELAY_SERVER_HOST, port }));
    const all = () => [...outer, ...inner()];
    const { ring } = options;
    pool.changed = () => {
      pool.own(all());
      pool.bypassKeys(keysFor(ring, "hops"));
    };
    // A key that was taken away may be a stolen one: what it signed ends with it.
    ring.onReplaced = () => pool.bypassKeys(keysFor(ring, "hops"));
    const start = (slot: number): WorkerStart => ({
      ...this.#startOf(options, exchangesMax),
      slot,
      workers,
      own: all(),
    });
    await pool.start(start).catch((error) => {
      throw this.#named(error);
    });
    const { instruments, values } = parentMetrics(pool, workers, exchangeLog);
    return {
      plain: this.#plain,
      tls: this.#tls,
      inner,
      instruments,
      enforcement: () => leastOf(pool.states),
      get problems() {
        const { serving, silent } = pool;
        return [
          ...(serving === workers
            ? []
            : [`${workers - serving} of ${workers} gate processes are being replaced`]),
          ...silent.map((each) => `${each} says nothing`),
        ];
      },
      get silent() {
        return pool.silent;
      },
      reached: (revision, waitMs, lineage = undefined) =>
        pool.reached(Number(revision), waitMs, lineage ?? null),
      hasLost: (revision, lineage) => pool.hasLost(Number(revision), lineage),
      metrics: {
        format: (accept) => formatFor(accept, async () => pool.metrics(await values())),
      },
      connections: pool.connections,
      reloadTls: () => pool.reload(),
      resealSnapshot: () => pool.snapshotKeys(keysFor(ring, "snapshot")),
      own: (listeners) => {
        outer = listeners;
        pool.own(all());
      },
      drain: (boundMs) => pool.drain(boundMs),
    };
  }

  async follow({ config, ring, source, log }: GatesOptions): Promise<void> {
    const { serverName, domain } = config;
    // A successor may know another key of the installation first.
    const tokens = () => [this.#feedToken(ring), ...ring.masters.map(feedToken)];
    await this.#feed.open({ source, serverName, domain, tokens, log });
  }

  async unfollow(): Promise<void> {
    await this.#feed.close();
  }

  async abandon(): Promise<void> {
    await this.#pool.kill();
    await this.#feed.close();
  }

  /** The same as long as this process runs, whichever secret key comes first. */
  #feedToken({ first }: KeyRing): string {
    this.#token ??= feedToken(first);
    return this.#token;
  }

  #startOf(
    { config, ring, snapshotPath, exchangeLog }: GatesOptions,
    exchangesMax: number,
  ): Omit<WorkerStart, "slot" | "workers" | "own"> {
    const { workers, heldBytesMax } = config;
    return {
      proxy: {
        ...commonOptions(config),
        ...this.#plain,
        exchangesMax,
        heldBytesMax: Math.ceil(heldBytesMax / workers),
        halfMessagesBytesMax: Math.ceil(HALF_MESSAGES_BYTES_MAX / workers),
      },
      plainEdge: config.proxyEdge,
      sockets: {
        plain: this.#descriptorOf(this.#sockets.plain),
        tls: this.#descriptorOf(this.#sockets.tls),
      },
      tls: this.#tls === null ? null : { ...this.#tls, pair: presentPair(this.#tls) },
      upstreamTls: config.upstreamTls,
      containerCidrs: config.containerCidrs,
      accessLog: config.accessLog,
      hasExchangeLog: exchangeLog !== null,
      snapshotPath,
      keys: {
        snapshot: keysFor(ring, "snapshot"),
        bypass: keysFor(ring, "hops"),
      },
      feed: { url: this.#feed.url, token: this.#feedToken(ring) },
    };
  }

  /** As the data plane of this process would say it. */
  #named(error: unknown): unknown {
    if (!(error instanceof CallFailed)) return error;
    const { proxyListen, proxyTls } = this.#config;
    if (error.code === "listen" && proxyListen !== null) {
      return new CannotListen(proxyListen, false, error);
    }
    if (error.code === "listen-tls" && proxyTls !== null) {
      return new CannotListen(proxyTls, true, error);
    }
    return new Error(error.message);
  }
}

function cannotListen<Value>(listen: ListenAddress, tls: boolean, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    throw new CannotListen(listen, tls, error);
  }
}

/** For all gate processes; null: each makes its own, or there is no such listener. */
function socketAt(
  listen: ListenAddress | null,
  tls: boolean,
  isShared: boolean,
  duplicate: Duplicate | null,
): ListeningSocket | null {
  if (listen === null || duplicate === null) return null;
  return cannotListen(listen, tls, () => new ListeningSocket(listen, isShared, duplicate));
}

/** For sockets that each process makes itself. */
function ownAddress(
  listen: ListenAddress | null,
  tls: boolean,
  isShared: boolean,
): ListenAddress | null {
  if (listen === null || (isShared && listen.port !== 0)) return listen;
  return cannotListen(listen, tls, () => freeAddress(listen));
}

/** What new connections get now: a successor of a gate process may start long after the certificate was replaced. */
function presentPair({ pair, paths }: NonNullable<Config["proxyTls"]>) {
  const read = readKeyPair(paths);
  return read.ok && read.pair.names.length > 0 ? read.pair : pair;
}

/** The limit of descriptors is each process's own. */
function dividedExchanges(config: Config) {
  const { workers, exchangesMax, proxyTls } = config;
  const share = Math.ceil(exchangesMax / workers);
  const demand = { exchangesMax: share, apiConnectionsMax: 0, proxyTls };
  const { proxy, warning } = descriptorBudget(descriptorLimit(), demand);
  return {
    exchangesMax: proxy,
    warning: warning === null ? null : `in each of ${workers} gate processes: ${warning}`,
  };
}

/** In base64, the one that seals or signs first. */
function keysFor(ring: KeyRing, purpose: string): readonly string[] {
  return ring.derived(purpose).map((key) => key.toString("base64"));
}

/** Another purpose than any other key of the installation; the same for a successor of this process. */
function feedToken(master: Buffer): string {
  return deriveKey(master, "worker-feed").toString("hex");
}

function leastOf(states: readonly WorkerState[]): Enforcement {
  const rank = { none: 0, file: 1, live: 2 } as const;
  const [first, ...rest] = states;
  const none = {
    from: "none",
    revision: 0,
    lineage: NO_LINEAGE,
    heardAtMs: null,
    closed: null,
    failing: true,
    connections: 0,
  } as const;
  const least = rest.reduce<WorkerState>(
    (one, other) => ({
      from: rank[one.from] <= rank[other.from] ? one.from : other.from,
      revision: Math.min(one.revision, other.revision),
      lineage: (one.revision <= other.revision ? one : other).lineage,
      heardAtMs:
        one.heardAtMs === null || other.heardAtMs === null
          ? null
          : Math.min(one.heardAtMs, other.heardAtMs),
      closed: one.closed ?? other.closed,
      failing: one.failing || other.failing,
      connections: one.connections + other.connections,
    }),
    first ?? none,
  );
  return {
    ...least,
    revision: BigInt(least.revision),
    closed: least.closed as Enforcement["closed"],
  };
}

/** Of the process of the control plane; those of the gate processes are added up with them. */
function parentMetrics(pool: WorkerPool, wanted: number, exchangeLog: ExchangeLog | null) {
  const registry = new Registry();
  const instruments = new Instruments(registry);
  instruments.gauge("realmgate_workers", "Gate processes that serve.", () => pool.serving);
  instruments.gauge(
    "realmgate_workers_wanted",
    "Gate processes that there should be.",
    () => wanted,
  );
  instruments.counter(
    "realmgate_workers_replaced_total",
    "Gate processes that died and were replaced.",
    () => pool.replaced,
  );
  instruments.counter(
    "realmgate_workers_failed_starts_total",
    "Gate processes that did not come to serve: they could not start, or hung while they did.",
    () => pool.failedStarts,
  );
  if (exchangeLog !== null) exchangeLogThread(instruments, exchangeLog);
  collectProcessMetrics(registry);
  return { instruments, values: (): Promise<MetricValues> => registry.getMetricsAsJSON() };
}
