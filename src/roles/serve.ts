// Everything of one node: starts the parts, connects them, and stops them in order.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package.json";
import { revisionTokens } from "../admin/api/revision.ts";
import { KeyRing } from "../admin/store/key-ring.ts";
import type { Enforced } from "../admin/store/node-records.ts";
import { OtherSecretKey } from "../admin/store/store-errors.ts";
import type { Config } from "../config/config.ts";
import type { ListenAddress } from "../config/setting-readers.ts";
import { LimitedLog } from "../guard/limited-log.ts";
import type { Log } from "../log.ts";
import { type OpsServer, startOps } from "../ops.ts";
import { addressPolicy } from "../policy/address-policy.ts";
import { NO_LINEAGE } from "../policy/lineage.ts";
import { RecentPolicies } from "../policy/recent-policies.ts";
import { CannotListen } from "../proxy/edge/listeners.ts";
import { ApiMetrics } from "./api-metrics.ts";
import { type ControlPlane, DatabaseUnusable, openControlPlane } from "./control-plane.ts";
import { keyFile, snapshotFile } from "./data-files.ts";
import { DatabaseInUse } from "./data-lock.ts";
import { DeferredSource } from "./deferred-source.ts";
import { diskProblems, diskSeries } from "./disk-room.ts";
import { exchangeLogProblems, openExchangeLog } from "./exchange-log-place.ts";
import { gateHealth } from "./gate-health.ts";
import { type Gates, NOWHERE, type PreparedGates } from "./gates.ts";
import { KeyReload } from "./key-reload.ts";
import { KeyRotation } from "./key-rotation.ts";
import { throwListenError, withListenError } from "./listen-error.ts";
import { removerOfNewFiles } from "./new-files.ts";
import { isOwnListener } from "./own-listeners.ts";
import { isInUse, keyFindings, listenFindings } from "./readiness.ts";
import { RetryingOpen } from "./retrying-open.ts";
import { readSecretKeyFile } from "./secret-key-file.ts";
import { type ShutdownStep, shutdown, stopMs } from "./shutdown.ts";

/** Every reason for which a start would fail; nothing was changed. */
export class CannotStart extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.name = "CannotStart";
    this.problems = problems;
  }
}

/** URLs of the listeners; gRPC has `http://`, or `https://` with TLS. */
export type Urls = Readonly<
  Partial<Record<"rest" | "grpc" | "proxy" | "proxyTls" | "ops", string>>
>;

export interface Running {
  /** The listeners that are open now. */
  urls(): Urls;
  /** Why the control plane is unavailable while the data plane enforces the saved snapshot; null: everything is up. */
  readonly degraded: string | null;
  /** Resolves once everything is up: immediately unless degraded. */
  readonly complete: Promise<void>;
  /** Reloads the certificates of the data plane and of the API if their files have changed. */
  reload(): Promise<void>;
  /** Accepts nothing new, lets running exchanges finish within the configured limit, closes the store. */
  stop(): Promise<void>;
}

/**
 * Starts everything. Rejects when an address, the database or its key is unavailable. When the database cannot be used but a
 * snapshot was saved, the data plane starts without the control plane, and `serve` keeps retrying to open that. A successor does so
 * while its predecessor has the database, and follows the predecessor's feed meanwhile.
 */
export async function serve(config: Config, log: Log): Promise<Running> {
  const isSuccessor = config.proxyReusePort && config.workers > 0 && isInUse(config);
  const taken = isSuccessor ? [] : await listenFindings(config);
  const blocking = [...keyFindings(config), ...taken];
  if (blocking.length > 0) throw new CannotStart(blocking.map(({ text }) => text));
  const undo = removerOfNewFiles(config);
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const stops: ShutdownStep[] = [];
  let opening: RetryingOpen | null = null;
  let prepared: PreparedGates | null = null;
  try {
    const gates = await prepareGates(config, log);
    prepared = gates;
    const ownKeys = config.secretKeys === null ? join(config.dataDir, keyFile) : null;
    const ring = new KeyRing(config.secretKeys ?? readSecretKeyFile(join(config.dataDir, keyFile)));
    let rotation: KeyRotation | null = null;
    // Before the keys, which are looked at each second from now on.
    let control: ControlPlane | null = null;
    const keys = new KeyReload({
      ring,
      path: ownKeys ?? config.secretKeyFile,
      hasSealed: () => control !== null,
      // Elsewhere it is rotate-key that seals anew, and the database says with which key.
      keepsOld: config.postgres === null,
      isRotating: () => rotation?.isRunning ?? false,
      log,
      changed: () => rotation?.changed(),
    });
    const revisions = revisionTokens(ring.box("revisions"));
    const drainMs = config.drainS * 1000;
    const own: ListenAddress[] = [];
    const source = new DeferredSource();
    const snapshotPath = join(config.dataDir, snapshotFile);
    const recentPolicies = new RecentPolicies();
    const exchangeLog = await openExchangeLog(config, log);
    if (exchangeLog !== null) stops.push(() => exchangeLog.close());
    const parts = { config, ring, snapshotPath, source, own, recentPolicies, exchangeLog, log };
    const apiLog = new LimitedLog(log);
    const apiMetrics = new ApiMetrics();
    let running: Gates | null = null;
    let ops: OpsServer | null = null;
    let draining = false;
    /** The first user is made then: a start that fails on a busy port must not lose a password that is printed once. */
    let listening = false;
    const listens = (...listeners: readonly (ListenAddress | null)[]) => {
      own.push(...listeners.filter((each) => each !== null));
      running?.own(own);
    };

    const openControl = async (): Promise<void> => {
      // Whoever had the database until now may have sealed it with another key.
      keys.check();
      const opened = await openControlPlane({
        config,
        ring,
        revisions,
        placement: addressPolicy(config.containerCidrs),
        snapshotPath,
        recentPolicies,
        nodeOf: () => ({
          programPorts: config.programPorts,
          isForbidden: (address, port) =>
            isOwnListener([...own, ...(running?.inner() ?? [])], address, port),
        }),
        exchangeLog,
        localProcess: {
          serverName: config.serverName,
          version,
          enforced: () => enforcedBy(running),
        },
        localEnforcement: async (revision, waitMs) => {
          const isReached = (await running?.reached(revision, waitMs)) ?? false;
          return { enforced: isReached ? 1 : 0, of: 1, server: config.serverName };
        },
        connections: {
          list: (...asked) => running?.connections.list(...asked) ?? { connections: [], total: 0 },
          end: (...asked) => running?.connections.end(...asked) ?? false,
          endOfGroup: (...asked) => running?.connections.endOfGroup(...asked) ?? 0,
        },
        metrics: apiMetrics,
        log: apiLog,
      });
      control = opened;
      listens(...opened.listeners);
      source.provide(opened.source);
      const { reseal } = opened;
      const ownFile = reseal === null ? null : ownKeys;
      const resealSnapshot = async () => (await running?.resealSnapshot()) ?? false;
      rotation = new KeyRotation({ ring, ownFile, reseal, resealSnapshot, log });
      rotation.changed();
      await gates.follow(parts);
    };
    const openOps = (gates: Gates): void => {
      const { opsListen } = config;
      if (ops !== null || opsListen === null) return;
      const opened = withListenError("OPS", opsListen, () =>
        startOps({
          listen: opsListen,
          reached: gates.reached,
          hasLost: gates.hasLost,
          openRevision: revisions.open,
          metrics: gates.metrics,
          health: () => {
            const problem = opening?.problem ?? null;
            const health = gateHealth(gates.enforcement(), {
              problems: [
                ...(problem === null ? [] : [`control plane is unavailable: ${problem.message}`]),
                ...diskProblems(config, "store"),
                ...exchangeLogProblems(exchangeLog),
                ...gates.problems,
              ],
              isFollowing: problem === null,
              draining,
            });
            return { ...health, silent: gates.silent };
          },
        }),
      );
      ops = opened;
      listens(...opened.listeners);
    };
    const stopOps = async () => ops?.stop();
    const closeControl = async () => {
      keys.stop();
      await rotation?.stop();
      await gates.unfollow();
      await control?.close();
    };

    // What stops last comes first. The store closes last of what follows: until then the data plane must see revocations.
    stops.push(closeControl, async () => control?.stopApi(drainMs));
    opening = new RetryingOpen(
      async () => {
        if (control === null) await openControl();
        // The predecessor has that, too.
        if (isSuccessor && running !== null) openOps(running);
        if (listening) await firstUser(control);
      },
      log,
      isSuccessor ? SUCCESSOR_RETRIES : undefined,
    );
    await opening.openFirst((error) =>
      isSuccessor && error instanceof DatabaseInUse
        ? true
        : existsSync(snapshotPath) && isWorthWaiting(error),
    );
    const serving = await gates.start(parts).catch((error) => throwProxyListenError(config, error));
    running = serving;
    apiMetrics.register(serving.instruments);
    diskSeries(serving.instruments, config);
    const { problem } = opening;
    const stopping = {
      // In parallel: the limit applies to all of it.
      gates: async () => {
        await Promise.all([serving.drain(drainMs), control?.stopApi(drainMs)]);
      },
      // A successor waits for the database, and its feed is that of the exchanges that go on here.
      handOver: async () => {
        const done = serving.drain(drainMs);
        await control?.stopApi(drainMs);
        await stopOps();
        await closeControl();
        await done;
      },
    };
    const handsOver = config.proxyReusePort && config.workers > 0 && config.postgres === null;
    stops.push(handsOver ? stopping.handOver : stopping.gates);
    // Neither a control plane nor a snapshot: there is nothing to enforce. What a predecessor saved may be out of date already.
    const enough = problem instanceof DatabaseInUse ? "live" : "file";
    if (problem !== null && serving.enforcement().from !== enough) throw problem;
    listens(serving.plain, serving.tls);
    opening.reportWaiting();
    if (!isSuccessor || problem === null) openOps(serving);
    listening = true;
    await firstUser(control);
    // Stops after the proxy and before the store: meanwhile /readyz reports that this node is draining.
    stops.splice(exchangeLog === null ? 1 : 2, 0, stopOps);
    opening.retry();
    const { opened, problem: degraded } = opening;
    const stopOpening = opening;
    return {
      urls: () => urlsOf(config, { control, gates: serving, ops }),
      degraded: degraded?.message ?? null,
      complete: opened.then(() => followed(serving, degraded !== null)),
      reload: async () => {
        keys.check();
        await Promise.all([serving.reloadTls(), control?.reloadTls()]);
      },
      async stop() {
        draining = true;
        log.info({ drainS: config.drainS }, "stopping: running exchanges may finish");
        await stopOpening.stop();
        await shutdown(stops, drainMs + stopMs, log);
      },
    };
  } catch (error) {
    await opening?.stop();
    await prepared?.abandon();
    await shutdown(stops);
    undo();
    throw error;
  }
}

/** Its predecessor may let go at any moment. */
const SUCCESSOR_RETRIES = { firstMs: 50, maxMs: 50, isQuiet: true };
/** How long gate processes may take to hear a control plane that has just opened, in milliseconds. */
const FOLLOWED_MS = 5_000;

/** The data plane is loaded only where it runs. */
async function prepareGates(config: Config, log: Log): Promise<PreparedGates> {
  if (config.workers === 0) return (await import("./local-gates.ts")).localGates;
  const { prepareWorkers } = await import("./worker-gates.ts");
  try {
    return prepareWorkers(config, log);
  } catch (error) {
    return throwProxyListenError(config, error);
  }
}

/** After a start without the control plane: resolves when the data plane hears it. */
async function followed(gates: Gates, wasDegraded: boolean): Promise<void> {
  const untilMs = performance.now() + FOLLOWED_MS;
  while (wasDegraded && gates.enforcement().from !== "live" && performance.now() < untilMs) {
    await Bun.sleep(20);
  }
}

async function firstUser(control: ControlPlane | null): Promise<void> {
  await control?.createFirstUser();
}

/** A database may come back; the key that opens none of its documents opens no snapshot either. */
function isWorthWaiting(error: Error): boolean {
  return error instanceof DatabaseUnusable && !(error.cause instanceof OtherSecretKey);
}

function enforcedBy(gates: Gates | null): Enforced {
  if (gates === null) return { enforcedRevision: 0, enforcedLineage: NO_LINEAGE };
  const { revision, lineage } = gates.enforcement();
  return { enforcedRevision: Number(revision), enforcedLineage: lineage };
}

function throwProxyListenError(config: Config, error: unknown): never {
  if (!(error instanceof CannotListen)) throw error;
  const [name, listen] = error.tls
    ? (["PROXY_TLS", config.proxyTls] as const)
    : (["PROXY", config.proxyListen] as const);
  throwListenError(name, listen ?? NOWHERE, error.cause);
}

interface RunningParts {
  readonly control: ControlPlane | null;
  readonly gates: Gates;
  /** Null: it is off. */
  readonly ops: ListenAddress | null;
}

function urlsOf({ apiTls }: Config, { control, gates, ops }: RunningParts): Urls {
  const api = apiTls === null ? "http" : "https";
  return {
    ...urlOf("rest", control?.rest, api),
    ...urlOf("grpc", control?.grpc, api),
    ...urlOf("proxy", gates.plain),
    ...urlOf("proxyTls", gates.tls, "https"),
    ...urlOf("ops", ops),
  };
}

function urlOf(name: keyof Urls, listen: ListenAddress | null | undefined, scheme = "http"): Urls {
  if (!listen) return {};
  const { hostname, port } = listen;
  return { [name]: `${scheme}://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}` };
}
