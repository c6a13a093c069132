// Role `serve`: everything in one process.
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { revisionTokens } from "../admin/api/revision.ts";
import { deriveKey, SecretBox } from "../admin/store/sealed.ts";
import { type AccessLogPlace, type Config, type Listen, secretKeyFrom } from "../config/config.ts";
import type { Log } from "../log.ts";
import { type Health, startOps } from "../ops.ts";
import { createPlacement } from "../policy/placement.ts";
import { RecentPolicies } from "../policy/recent-policies.ts";
import { CannotListen } from "../proxy/edge/listeners.ts";
import { AccessLog } from "../proxy/observe/access-log.ts";
import { FileSink, StderrSink } from "../proxy/observe/line-sink.ts";
import { type ProxyServer, startProxy } from "../proxy/proxy.ts";
import {
  type ControlPlane,
  DatabaseUnusable,
  openControlPlane,
  refuseLoss,
} from "./control-plane.ts";
import { LateSource } from "./deferred-source.ts";
import { cannotListen, listening } from "./listen-error.ts";
import { KeptOpening } from "./retrying-open.ts";
import { type Stop, stopAll } from "./shutdown.ts";

/** Where everything listens, as URLs; gRPC as `http://` or, with TLS, `https://`, too. */
export type Urls = Readonly<
  Partial<Record<"rest" | "grpc" | "proxy" | "proxyTls" | "ops", string>>
>;

export interface Running {
  /** What listens now. */
  urls(): Urls;
  /** Why the control plane is away, and the data plane goes on with what was saved; null: all is up. */
  readonly degraded: string | null;
  /** Resolves once all is up: at once unless it is degraded. */
  readonly complete: Promise<void>;
  /** Looks whether the certificate of the data plane has changed. */
  reload(): Promise<void>;
  /** Takes nothing new, lets what runs finish within the bound that is set, closes the store. */
  stop(): Promise<void>;
}

/**
 * Starts everything. Rejects when something cannot be had: an address, the database, the key that belongs to it. When the
 * database cannot be used and there is a saved snapshot, the data plane starts without the control plane, which is tried again.
 */
export async function serve(config: Config, log: Log): Promise<Running> {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const master = config.secretKey ?? secretKeyFile(join(config.dataDir, "secret.key"));
  const revisions = revisionTokens(new SecretBox(master, "revisions"));
  const placement = createPlacement(config.containerCidrs);
  const recentPolicies = new RecentPolicies();
  const drainMs = config.drainS * 1000;
  const own: Listen[] = [];
  const isForbidden = (address: string, port: number) => isOwn(own, address, port);
  const source = new LateSource();
  const stops: Stop[] = [];
  const snapshotPath = join(config.dataDir, "snapshot");
  let control: ControlPlane | null = null;
  let draining = false;

  const open = async (): Promise<void> => {
    refuseLoss(config.databasePath, snapshotPath);
    const opened = await openControlPlane({
      config,
      master,
      revisions,
      placement,
      recentPolicies,
      isForbidden,
      log,
    });
    control = opened;
    own.push(opened.rest, opened.grpc);
    source.arrive(opened.source);
  };
  // The store closes last: until then what is revoked has to be heard.
  stops.push(async () => control?.close());
  stops.push(async () => control?.stopApi(drainMs));
  const opening = new KeptOpening(open, log);
  try {
    await opening.first((error) => error instanceof DatabaseUnusable && existsSync(snapshotPath));
    const accessLog = await openAccessLog(config.accessLog, log);
    if (accessLog !== null) stops.push(() => accessLog.close());
    const proxy = await startProxy(
      {
        ...config.proxyListen,
        reusePort: config.proxyReusePort,
        tls: config.proxyTls,
        upstreamTls: config.upstreamTls,
        snapshotPlace: { path: snapshotPath, box: new SecretBox(master, "snapshot") },
        stalenessMaxMs: config.stalenessMaxS === null ? null : config.stalenessMaxS * 1000,
        domain: config.domain,
        serverName: config.serverName,
        trustedProxies: config.trustedProxies,
        exchangesMax: config.exchangesMax,
        programPorts: config.programPorts,
        mayDial: (address) => placement.place(address) !== null,
        isForbidden,
        recentPolicies,
        hopKey: deriveKey(master, "hops"),
        log,
        accessLog,
      },
      source,
    ).catch((error) => cannotListenProxy(config, error));
    own.push(proxy, ...(proxy.tls === null ? [] : [proxy.tls]));
    // Side by side: the bound is for all of it.
    stops.push(async () => {
      await Promise.all([proxy.drain(drainMs), control?.stopApi(drainMs)]);
    });
    // Nothing can be gone on with: then this is no start at all.
    if (opening.problem !== null && proxy.enforcement().from !== "file") throw opening.problem;
    const ops = listening("OPS", config.opsListen, () =>
      startOps({
        listen: config.opsListen,
        reached: proxy.reached,
        openRevision: revisions.open,
        metrics: proxy.metrics,
        health: () => healthOf(proxy, opening.problem, draining),
      }),
    );
    own.push(ops);
    // Stopped after the proxy and before the store: its /readyz says that this node is going.
    stops.splice(1, 0, () => ops.stop());
    opening.goOn();
    return {
      urls: () => urlsOf(config, { control, proxy, ops }),
      degraded: opening.problem?.message ?? null,
      complete: opening.done,
      reload: () => proxy.reloadTls(),
      async stop() {
        draining = true;
        log.info({ drainS: config.drainS }, "told to stop: what runs may end");
        await opening.stop();
        await stopAll(stops);
      },
    };
  } catch (error) {
    await opening.stop();
    await stopAll(stops);
    throw error;
  }
}

function healthOf(proxy: ProxyServer, problem: Error | null, draining: boolean): Health {
  const { from, revision, heardAtMs, closed, failing } = proxy.enforcement();
  const problems = [
    ...(problem === null ? [] : [`control plane is away: ${problem.message}`]),
    ...(problem === null && failing ? ["change feed cannot be read"] : []),
    ...(closed === null
      ? []
      : ["nothing is allowed: the control plane was not heard for too long"]),
  ];
  return { draining, problems, snapshot: { from, revision: Number(revision), heardAtMs, closed } };
}

function cannotListenProxy(config: Config, error: unknown): never {
  if (!(error instanceof CannotListen)) throw error;
  return error.tls
    ? cannotListen("PROXY_TLS", config.proxyTls ?? config.proxyListen, error.cause)
    : cannotListen("PROXY", config.proxyListen, error.cause);
}

async function openAccessLog(place: AccessLogPlace | null, log: Log): Promise<AccessLog | null> {
  if (place === null) return null;
  if (place === "stderr") return new AccessLog(new StderrSink(), log);
  const sink = await FileSink.open(place.path).catch((error) => {
    throw new Error(`REALMGATE_ACCESS_LOG: cannot write to ${place.path}`, { cause: error });
  });
  return new AccessLog(sink, log);
}

/** The key lies beside the database only for its owner's eyes; made at first boot. */
function secretKeyFile(path: string): Buffer {
  if (!existsSync(path)) {
    writeFileSync(path, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
  }
  chmodSync(path, 0o600);
  const key = secretKeyFrom(readFileSync(path, "utf8").trim());
  if (key === null) throw new Error(`${path} does not hold 32 bytes in base64`);
  return key;
}

/** Whether an address and port are one of our own listeners, however the address is spelled. */
function isOwn(own: readonly Listen[], address: string, port: number): boolean {
  return own.some((listen) => listen.port === port) && isOfThisMachine(address);
}

function isOfThisMachine(address: string): boolean {
  if (address.startsWith("127.") || address === "::1") return true;
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => entry.address === address),
  );
}

interface Parts {
  readonly control: ControlPlane | null;
  readonly proxy: ProxyServer;
  readonly ops: Listen;
}

function urlsOf({ apiTls }: Config, { control, proxy, ops }: Parts): Urls {
  const api = apiTls === null ? "http" : "https";
  return {
    ...(control === null ? {} : { rest: urlOf(control.rest, api), grpc: urlOf(control.grpc, api) }),
    proxy: urlOf(proxy),
    ...(proxy.tls === null ? {} : { proxyTls: urlOf(proxy.tls, "https") }),
    ops: urlOf(ops),
  };
}

function urlOf({ hostname, port }: Listen, scheme = "http"): string {
  return `${scheme}://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
