// A gate process of `serve`: the data plane alone, on sockets of its parent. It reads no settings and has no database and no
// master key; what it needs comes over the channel that it inherits, what it enforces over the feed.

import { closeSync } from "node:fs";
import packageJson from "../../package.json" with { type: "json" };
import { SecretBox } from "../admin/store/sealed.ts";
import { ExchangeLog, type LogStore } from "../exchange-log/exchange-log.ts";
import { surviveEscaped } from "../guard/escaped-errors.ts";
import type { Log } from "../log.ts";
import { addressPolicy } from "../policy/address-policy.ts";
import { CannotListen } from "../proxy/edge/listeners.ts";
import type { AccessLog } from "../proxy/observe/access-log.ts";
import type { TraceExport } from "../proxy/observe/trace-export.ts";
import { type ProxyServer, startProxy } from "../proxy/proxy.ts";
import { RemoteSource } from "../proxy/snapshot/remote-source.ts";
import { Channel, type Handlers } from "../workers/channel.ts";
import { duplicator } from "../workers/descriptors.ts";
import { GatheredFailures } from "../workers/gathered-failures.ts";
import {
  CHANNEL_DESCRIPTOR,
  type ToParent,
  type ToWorker,
  type WorkerStart,
  type WorkerStarted,
  type WorkerState,
} from "../workers/messages.ts";
import { openAccessLog } from "./access-log-place.ts";
import { isOwnListener } from "./own-listeners.ts";
import { stderrLog } from "./stderr-log.ts";
import { openTraces } from "./traces.ts";

type ParentChannel = Channel<ToParent, ToWorker>;

/** Its parent knows by this that it is neither dead nor stuck. */
const STATE_MS = 500;
const RETRY_MAX_MS = 500;
const orphaned = 1;

/** Ends with its parent, whatever it does then. Signals are its parent's: a terminal and a supervisor send them to all. */
export async function gateWorkerRole(): Promise<number> {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  const log = stderrLog("realmgate");
  surviveEscaped(log);
  const drained = Promise.withResolvers<void>();
  const gate = new GateWorker(log, () => drained.resolve());
  gate.channel = await Channel.open<ToParent, ToWorker>({
    descriptor: CHANNEL_DESCRIPTOR,
    handlers: gate.handlers,
    closed: () => process.exit(orphaned),
  });
  await drained.promise;
  return 0;
}

class GateWorker {
  channel: ParentChannel | null = null;
  readonly #log: Log;
  readonly #drained: () => void;
  readonly #duplicate = duplicator();
  #own: WorkerStart["own"] = [];
  #snapshotKeys: readonly Buffer[] = [];
  #bypassKeys: readonly Buffer[] = [];
  #sockets: WorkerStart["sockets"] = { plain: null, tls: null };
  #gate: ProxyServer | null = null;
  #source: RemoteSource | null = null;
  #accessLog: AccessLog | null = null;
  #exchangeLog: ExchangeLog | null = null;
  #traces: TraceExport | null = null;
  #telling: ReturnType<typeof setInterval> | null = null;

  constructor(log: Log, drained: () => void) {
    this.#log = log;
    this.#drained = drained;
  }

  readonly handlers: Handlers<ToWorker> = {
    start: (start) => this.#start(start),
    own: (listeners) => {
      this.#own = listeners;
      return null;
    },
    reached: ({ revision, waitMs, lineage }) =>
      this.#running.reached(BigInt(revision), waitMs, lineage ?? undefined),
    lost: ({ revision, lineage }) => this.#running.hasLost(BigInt(revision), lineage ?? ""),
    metrics: () => this.#running.metrics.values(),
    list: ({ container, group, limit }) => this.#running.connections.list(container, group, limit),
    end: ({ container, id }) => this.#running.connections.end(container, id),
    endOfGroup: ({ container, group }) => this.#running.connections.endOfGroup(container, group),
    flushLog: async () => {
      await this.#exchangeLog?.flush();
      return null;
    },
    reload: async () => {
      await this.#running.reloadTls();
      return null;
    },
    snapshotKeys: (keys) => {
      this.#snapshotKeys = keys.map(fromBase64);
      return this.#running.resealSnapshot();
    },
    bypassKeys: (keys) => {
      this.#bypassKeys = keys.map(fromBase64);
      return null;
    },
    failures: (pairs) => {
      for (const pair of pairs) this.#running.noteCredentialFailure(pair);
      return null;
    },
    accept: (isWanted) => {
      if (isWanted) this.#running.accept();
      else this.#running.rest();
      return null;
    },
    drain: (boundMs) => this.#drain(boundMs),
  };

  get #running(): ProxyServer {
    if (this.#gate === null) throw new Error("the gate does not run");
    return this.#gate;
  }

  async #start(start: WorkerStart): Promise<WorkerStarted> {
    const { slot, workers, proxy, keys, feed } = start;
    this.#own = start.own;
    this.#snapshotKeys = keys.snapshot.map(fromBase64);
    this.#bypassKeys = keys.bypass.map(fromBase64);
    this.#sockets = start.sockets;
    const log = this.#log;
    const placement = addressPolicy(start.containerCidrs);
    const source = new RemoteSource({
      urls: [feed.url],
      token: feed.token,
      process: `worker-${slot}`,
      servers: [proxy.serverName],
      version: packageJson.version,
      retryMaxMs: RETRY_MAX_MS,
      log,
    });
    this.#source = source;
    this.#accessLog = await openAccessLog(start.accessLog, log);
    this.#exchangeLog = start.hasExchangeLog
      ? ExchangeLog.over(this.#remoteStore(), log, workers)
      : null;
    this.#traces = openTraces(proxy.serverName, log);
    const failures = new GatheredFailures((pairs) => this.channel?.tell("failures", pairs));
    const gate = await startProxy(
      {
        ...proxy,
        reusePort: true,
        inherited: {
          plain: this.#inherit(start.sockets.plain),
          tls: this.#inherit(start.sockets.tls),
        },
        plainEdge: start.plainEdge,
        tls: start.tls,
        upstreamTls: start.upstreamTls,
        snapshotPlace: {
          path: start.snapshotPath,
          box: new SecretBox(() => this.#snapshotKeys),
          isReader: slot !== 0,
          isShared: true,
        },
        mayDial: (address) => placement.place(address) !== null,
        isForbidden: (address, port) => isOwnListener(this.#own, address, port),
        credentialFailed: (pair) => failures.add(pair),
        bypassKeys: () => this.#bypassKeys,
        accessLog: this.#accessLog,
        traces: this.#traces,
        exchangeLog: this.#exchangeLog,
        log,
      },
      {
        changesAfter: (...asked) => source.changesAfter(...asked),
        onCommit: (listener) => source.onCommit(listener),
        enforced: (...enforced) => {
          source.enforced(...enforced);
          this.#tell();
        },
      },
    ).catch((error) => {
      throw error instanceof CannotListen
        ? Object.assign(error, { code: error.tls ? "listen-tls" : "listen" })
        : error;
    });
    this.#gate = gate;
    this.#telling = setInterval(() => this.#tell(), STATE_MS);
    return { innerPorts: gate.innerPorts, state: stateOf(gate) };
  }

  /** Descriptors of the listening socket for servers, which close them; ours stays for the next. */
  #inherit(descriptor: number | null): (() => number) | null {
    const duplicate = this.#duplicate;
    if (descriptor === null) return null;
    if (duplicate === null) throw new Error("no descriptor can be duplicated here");
    return () => duplicate(descriptor);
  }

  #tell(): void {
    if (this.#gate !== null) this.channel?.tell("state", stateOf(this.#gate));
  }

  /** The parent's: it has the file. */
  #remoteStore(): LogStore {
    return {
      ask: (request) => {
        if (this.channel === null) return Promise.reject(new Error("there is no parent"));
        return this.channel.ask("log", request) as Promise<never>;
      },
      close: () => Promise.resolve(),
      terminate: () => {},
    };
  }

  async #drain(boundMs: number): Promise<null> {
    await this.#running.drain(boundMs, () => {
      for (const descriptor of Object.values(this.#sockets)) {
        if (descriptor !== null) closeSync(descriptor);
      }
      this.channel?.tell("closed", null);
    });
    this.#source?.stop();
    if (this.#telling !== null) clearInterval(this.#telling);
    await Promise.all([
      this.#accessLog?.close(),
      this.#traces?.close(),
      this.#exchangeLog?.close(),
    ]);
    // The answer goes first.
    setTimeout(this.#drained, 0);
    return null;
  }
}

function stateOf(gate: ProxyServer): WorkerState {
  const { from, revision, lineage, heardAtMs, closed, failing } = gate.enforcement();
  const { openConnections } = gate;
  return {
    from,
    revision: Number(revision),
    lineage,
    heardAtMs,
    closed,
    failing,
    connections: openConnections,
  };
}

function fromBase64(text: string): Buffer {
  return Buffer.from(text, "base64");
}
