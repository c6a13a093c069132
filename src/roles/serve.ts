// Everything in one process: starts the parts, connects them, and stops them in order.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { revisionTokens } from "../admin/api/revision.ts";
import { deriveKey, SecretBox } from "../admin/store/sealed.ts";
import { OtherSecretKey } from "../admin/store/store-errors.ts";
import type { Config } from "../config/config.ts";
import { descriptorBudget, descriptorLimit } from "../config/descriptor-budget.ts";
import type { AccessLogPlace, ListenAddress } from "../config/setting-readers.ts";
import { ExchangeLog } from "../exchange-log/exchange-log.ts";
import { LimitedLog } from "../guard/limited-log.ts";
import type { Log } from "../log.ts";
import { type Health, startOps } from "../ops.ts";
import { addressPolicy } from "../policy/address-policy.ts";
import { RecentPolicies } from "../policy/recent-policies.ts";
import { CannotListen } from "../proxy/edge/listeners.ts";
import { AccessLog } from "../proxy/observe/access-log.ts";
import { FileSink, StderrSink } from "../proxy/observe/line-sink.ts";
import type { OpenConnections } from "../proxy/observe/open-connections.ts";
import { type ProxyServer, startProxy } from "../proxy/proxy.ts";
import { type ControlPlane, DatabaseUnusable, openControlPlane } from "./control-plane.ts";
import { exchangeLogFile, keyFile, snapshotFile } from "./data-files.ts";
import { DeferredSource } from "./deferred-source.ts";
import { throwListenError, withListenError } from "./listen-error.ts";
import { removerOfNewFiles } from "./new-files.ts";
import { isOwnListener } from "./own-listeners.ts";
import { keyFindings, listenFindings } from "./readiness.ts";
import { RetryingOpen } from "./retrying-open.ts";
import { readSecretKeyFile } from "./secret-key-file.ts";
import { type ShutdownStep, shutdown } from "./shutdown.ts";

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
 * snapshot was saved, the data plane starts without the control plane, and `serve` keeps retrying to open that.
 */
export async function serve(config: Config, log: Log): Promise<Running> {
  const blocking = [...keyFindings(config), ...(await listenFindings(config))];
  if (blocking.length > 0) throw new CannotStart(blocking.map(({ text }) => text));
  const undo = removerOfNewFiles(config);
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const master = config.secretKey ?? readSecretKeyFile(join(config.dataDir, keyFile));
  const revisions = revisionTokens(new SecretBox(master, "revisions"));
  const placement = addressPolicy(config.containerCidrs);
  const recentPolicies = new RecentPolicies();
  const drainMs = config.drainS * 1000;
  const own: ListenAddress[] = [];
  const isForbidden = (address: string, port: number) => isOwnListener(own, address, port);
  const source = new DeferredSource();
  const stops: ShutdownStep[] = [];
  const apiLog = new LimitedLog(log);
  const snapshotPath = join(config.dataDir, snapshotFile);
  let control: ControlPlane | null = null;
  let connections: OpenConnections | null = null;
  let draining = false;
  /** The first user is made then: a start that fails on a busy port must not lose a password that is printed once. */
  let listening = false;

  const open = async (): Promise<void> => {
    const opened = await openControlPlane({
      config,
      master,
      revisions,
      placement,
      snapshotPath,
      recentPolicies,
      isForbidden,
      exchangeLog,
      connections: {
        list: (...asked) => connections?.list(...asked) ?? { connections: [], total: 0 },
        end: (...asked) => connections?.end(...asked) ?? false,
        endOfGroup: (...asked) => connections?.endOfGroup(...asked) ?? 0,
      },
      log: apiLog,
    });
    control = opened;
    own.push(...opened.listeners);
    source.provide(opened.source);
    if (listening) await opened.createFirstUser();
  };
  const exchangeLog = await openExchangeLog(config, log);
  if (exchangeLog !== null) stops.push(() => exchangeLog.close());
  // The store closes last of what follows: until then the data plane must see revocations.
  stops.push(async () => control?.close());
  stops.push(async () => control?.stopApi(drainMs));
  const opening = new RetryingOpen(open, log);
  try {
    await opening.openFirst((error) => existsSync(snapshotPath) && isWorthWaiting(error));
    const { proxy: exchangesMax, warning } = descriptorBudget(descriptorLimit(), config);
    if (warning !== null) log.warn({}, warning);
    const accessLog = await openAccessLog(config.accessLog, log);
    if (accessLog !== null) stops.push(() => accessLog.close());
    const proxy = await startProxy(
      {
        ...(config.proxyListen ?? NOWHERE),
        plain: config.proxyListen !== null,
        httpsRedirect: config.httpsRedirect,
        reusePort: config.proxyReusePort,
        plainEdge: config.proxyEdge,
        proxyProtocol: config.proxyProtocol,
        tls: config.proxyTls,
        upstreamTls: config.upstreamTls,
        snapshotPlace: { path: snapshotPath, box: new SecretBox(master, "snapshot") },
        stalenessMaxMs: config.stalenessMaxS === null ? null : config.stalenessMaxS * 1000,
        domain: config.domain,
        serverName: config.serverName,
        trustedProxies: config.trustedProxies,
        credentialFailuresMax: config.credentialFailuresMax,
        exchangesMax,
        streamSilenceMs: config.streamSilenceS * 1000,
        heldBytesMax: config.heldBytesMax,
        bodyBytesPerMinuteMin: config.bodyBytesPerMinuteMin,
        programPorts: config.programPorts,
        mayDial: (address) => placement.place(address) !== null,
        isForbidden,
        recentPolicies,
        bypassKey: deriveKey(master, "hops"),
        log,
        accessLog,
        exchangeLog,
      },
      source,
    ).catch((error) => throwProxyListenError(config, error));
    connections = proxy.connections;
    own.push(...[proxy.plain, proxy.tls].filter((each) => each !== null));
    // In parallel: the limit applies to all of it.
    stops.push(async () => {
      await Promise.all([proxy.drain(drainMs), control?.stopApi(drainMs)]);
    });
    // Neither a control plane nor a snapshot: there is nothing to enforce.
    if (opening.problem !== null && proxy.enforcement().from !== "file") throw opening.problem;
    opening.reportWaiting();
    const { opsListen } = config;
    const ops =
      opsListen === null
        ? null
        : withListenError("OPS", opsListen, () =>
            startOps({
              listen: opsListen,
              reached: proxy.reached,
              hasLost: proxy.hasLost,
              openRevision: revisions.open,
              metrics: proxy.metrics,
              health: () => healthOf(proxy, opening.problem, draining),
            }),
          );
    own.push(...(ops?.listeners ?? []));
    listening = true;
    await firstUser(control);
    // Stops after the proxy and before the store: meanwhile /readyz reports that this node is draining.
    stops.splice(exchangeLog === null ? 1 : 2, 0, async () => ops?.stop());
    opening.retry();
    return {
      urls: () => urlsOf(config, { control, proxy, ops }),
      degraded: opening.problem?.message ?? null,
      complete: opening.opened,
      reload: async () => {
        await Promise.all([proxy.reloadTls(), control?.reloadTls()]);
      },
      async stop() {
        draining = true;
        log.info({ drainS: config.drainS }, "stopping: running exchanges may finish");
        await opening.stop();
        await shutdown(stops);
      },
    };
  } catch (error) {
    await opening.stop();
    await shutdown(stops);
    undo();
    throw error;
  }
}

async function firstUser(control: ControlPlane | null): Promise<void> {
  await control?.createFirstUser();
}

/** A database may come back; the key that opens none of its documents opens no snapshot either. */
function isWorthWaiting(error: Error): boolean {
  return error instanceof DatabaseUnusable && !(error.cause instanceof OtherSecretKey);
}

function healthOf(proxy: ProxyServer, problem: Error | null, draining: boolean): Health {
  const { from, revision, heardAtMs, closed, failing } = proxy.enforcement();
  const problems = [
    ...(problem === null ? [] : [`control plane is unavailable: ${problem.message}`]),
    ...(problem === null && failing ? ["change feed cannot be read"] : []),
    ...(closed === null
      ? []
      : ["nothing is allowed: the control plane has been silent for too long"]),
  ];
  return { draining, problems, snapshot: { from, revision: Number(revision), heardAtMs, closed } };
}

function throwProxyListenError(config: Config, error: unknown): never {
  if (!(error instanceof CannotListen)) throw error;
  const [name, listen] = error.tls
    ? (["PROXY_TLS", config.proxyTls] as const)
    : (["PROXY", config.proxyListen] as const);
  throwListenError(name, listen ?? NOWHERE, error.cause);
}

async function openAccessLog(place: AccessLogPlace | null, log: Log): Promise<AccessLog | null> {
  if (place === null) return null;
  if (place === "stderr") return new AccessLog(new StderrSink(), log);
  const sink = await FileSink.open(place.path).catch((error) => {
    throw new Error(`REALMGATE_ACCESS_LOG: cannot write to ${place.path}`, { cause: error });
  });
  return new AccessLog(sink, log);
}

/** A gate without its exchange log is better than none. */
async function openExchangeLog(
  { dataDir, logMaxMb, logRetentionDays }: Config,
  log: Log,
): Promise<ExchangeLog | null> {
  if (logMaxMb === 0) return null;
  const path = join(dataDir, exchangeLogFile);
  const limits = { ageMaxMs: logRetentionDays * DAY_MS, bytesMax: logMaxMb * MIB };
  try {
    return await ExchangeLog.open(path, limits, log);
  } catch (error) {
    log.error({ err: error, path }, "exchange log cannot be opened; who accessed what is not kept");
    return null;
  }
}

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;

/** Where a listener that is off does not listen. */
const NOWHERE: ListenAddress = { hostname: "127.0.0.1", port: 0 };

interface RunningParts {
  readonly control: ControlPlane | null;
  readonly proxy: ProxyServer;
  /** Null: it is off. */
  readonly ops: ListenAddress | null;
}

function urlsOf({ apiTls }: Config, { control, proxy, ops }: RunningParts): Urls {
  const api = apiTls === null ? "http" : "https";
  return {
    ...urlOf("rest", control?.rest, api),
    ...urlOf("grpc", control?.grpc, api),
    ...urlOf("proxy", proxy.plain),
    ...urlOf("proxyTls", proxy.tls, "https"),
    ...urlOf("ops", ops),
  };
}

function urlOf(name: keyof Urls, listen: ListenAddress | null | undefined, scheme = "http"): Urls {
  if (!listen) return {};
  const { hostname, port } = listen;
  return { [name]: `${scheme}://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}` };
}
