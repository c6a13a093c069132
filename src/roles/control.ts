// The role `control`: the API and the change feed on a PostgreSQL database; any number of them may run.
import { revisionTokens } from "../admin/api/revision.ts";
import { RemoteTraffic } from "../admin/containers/remote-traffic.ts";
import { type FeedServer, startFeed } from "../admin/feed/feed-server.ts";
import { ProcessRegistry } from "../admin/nodes/process-registry.ts";
import { KeyRing } from "../admin/store/key-ring.ts";
import type { NodeConfig } from "../config/node-config.ts";
import type { ListenAddress } from "../config/setting-readers.ts";
import { LimitedLog } from "../guard/limited-log.ts";
import type { Log } from "../log.ts";
import { type Health, startOps } from "../ops.ts";
import { addressPolicy } from "../policy/address-policy.ts";
import { RecentPolicies } from "../policy/recent-policies.ts";
import { watchApiCertificate } from "./api-certificate.ts";
import { ApiMetrics } from "./api-metrics.ts";
import { isClockOff } from "./clock-offset.ts";
import { type ControlPlane, openControlPlane } from "./control-plane.ts";
import { NOWHERE } from "./gates.ts";
import { KeyReload } from "./key-reload.ts";
import { throwListenError, withListenError } from "./listen-error.ts";
import { nodeMetrics } from "./node-metrics.ts";
import { isOwnListener } from "./own-listeners.ts";
import type { RunningNode } from "./running-node.ts";
import { type ShutdownStep, shutdown, stopMs } from "./shutdown.ts";
import { StoreWatch } from "./store-watch.ts";
import { urlOf } from "./url-of.ts";

export async function startControl(node: NodeConfig, log: Log): Promise<RunningNode> {
  const { config } = node;
  if (config.secretKeys === null) throw new Error("REALMGATE_SECRET_KEY is required");
  const ring = new KeyRing(config.secretKeys);
  const keys = new KeyReload({ ring, path: config.secretKeyFile, log });
  const revisions = revisionTokens(ring.box("revisions"));
  const own: ListenAddress[] = [];
  const stops: ShutdownStep[] = [async () => keys.stop()];
  const drainMs = config.drainS * 1000;
  const apiMetrics = new ApiMetrics();
  const traffic = new RemoteTraffic();
  let feed: FeedServer | null = null;
  let draining = false;
  const watch = new StoreWatch();
  stops.push(async () => watch.stop());
  try {
    const control = await openControlPlane({
      config,
      ring,
      revisions,
      placement: addressPolicy(config.containerCidrs),
      // There is no snapshot here that could prove that there was another database.
      snapshotPath: "",
      recentPolicies: new RecentPolicies(),
      nodeOf: (server) =>
        watch.nodeOf(server) ?? {
          programPorts: config.programPorts,
          isForbidden: (address, port) =>
            isOwnListener(own, address, port) || watch.isListener(address, port),
        },
      exchangeLog: traffic.log,
      localProcess: null,
      localEnforcement: null,
      connections: traffic.connections,
      metrics: apiMetrics,
      nodeAuthorities: node.nodeAuthorities,
      nodeRevoked: (id) => feed?.cut(id),
      storeOpened: (store, clockOffsetMs) => watch.start(store.feed, clockOffsetMs),
      heardNow: () => Date.now() + watch.clockOffsetMs,
      log: new LimitedLog(log),
    });
    const { store } = control;
    stops.push(() => control.close());
    const registry = new ProcessRegistry(store.feed, log, () => watch.clockOffsetMs);
    const opened = await openFeed(node, control, registry, log);
    feed = opened;
    const { feedTls } = node;
    const certificate =
      feedTls === null
        ? null
        : watchApiCertificate(feedTls, [opened], log, "certificate of the feed");
    if (certificate !== null)
      apiMetrics.certificates.set("feed", () => certificate.notAfterMs ?? 0);
    stops.push(async () => certificate?.stop());
    traffic.start({ questions: opened.questions, store });
    registry.start(opened);
    stops.push(() => registry.stop());
    own.push(...control.listeners, ...opened.listeners);
    const ops = withListenError("OPS", config.opsListen ?? NOWHERE, () =>
      startOps({
        listen: config.opsListen ?? NOWHERE,
        reached: (revision, waitMs, lineage) => watch.reached(revision, waitMs, lineage),
        hasLost: (revision, lineage) => watch.hasLost(revision, lineage),
        openRevision: revisions.open,
        metrics: nodeMetrics((instruments) => {
          const streams = () => [...opened.streams];
          instruments.gauge(
            "realmgate_feed_followers",
            "Proxies that follow.",
            () => streams().length,
          );
          instruments.gauge(
            "realmgate_feed_lag_revisions",
            "How far the proxy that is farthest behind is.",
            () => watch.lagOf(streams().map(({ enforced }) => enforced?.revision ?? 0n)),
          );
          watch.instruments(instruments);
          apiMetrics.register(instruments);
        }),
        health: () => healthOf(watch, draining),
      }),
    );
    own.push(...ops.listeners);
    stops.push(() => ops.stop());
    stops.push(async () => {
      await Promise.all([opened.stop(), control.stopApi(drainMs)]);
    });
    await control.createFirstUser();
    const scheme = config.apiTls === null ? "http" : "https";
    return {
      ready: {
        ...(control.rest === null ? {} : { rest: urlOf(control.rest, scheme) }),
        ...(control.grpc === null ? {} : { grpc: urlOf(control.grpc, scheme) }),
        feed: opened.url,
        ops: urlOf(ops),
      },
      reload: async () => {
        keys.check();
        await Promise.all([control.reloadTls(), certificate?.check()]);
      },
      async stop() {
        draining = true;
        log.info({ drainS: config.drainS }, "stopping: running calls may finish");
        await shutdown(stops, drainMs + stopMs, log);
      },
    };
  } catch (error) {
    await shutdown(stops);
    throw error;
  }
}

function openFeed(
  { feedListen, feedTls, nodeAuthorities, fullSyncsMax }: NodeConfig,
  { source, nodes }: ControlPlane,
  registry: ProcessRegistry,
  log: Log,
): Promise<FeedServer> {
  const { hostname, port } = feedListen;
  return startFeed({
    listen: `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`,
    tls: feedTls?.pair ?? null,
    nodeAuthorities,
    source,
    authenticate: nodes.authenticate,
    wholesMax: fullSyncsMax,
    enforced: registry.changed,
    left: registry.left,
    log,
  }).catch((error) => throwListenError("FEED", feedListen, error));
}

function healthOf(watch: StoreWatch, draining: boolean): Health {
  const { head, heardAtMs, problem } = watch;
  return {
    draining,
    problems: [
      ...(problem === null ? [] : [`the database cannot be read: ${problem}`]),
      ...(isClockOff(watch.clockOffsetMs) ? ["the clock is minutes off that of the database"] : []),
    ],
    snapshot: {
      from: "live",
      revision: head?.revision ?? 0,
      heardAtMs,
      closed: problem === null ? null : "store_unavailable",
    },
  };
}
