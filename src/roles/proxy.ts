// The role `proxy`: the data plane of one server, without a database and without the master key.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package.json";
import { revisionTokens } from "../admin/api/revision.ts";
import { diskKeyName, hopsKeyName } from "../admin/nodes/node-access.ts";
import { SecretBox } from "../admin/store/sealed.ts";
import { descriptorBudget, descriptorLimit } from "../config/descriptor-budget.ts";
import type { NodeConfig } from "../config/node-config.ts";
import type { ListenAddress } from "../config/setting-readers.ts";
import { RELAY_SERVER_HOST } from "../guard/server-peer.ts";
import { addressesOfThisMachine } from "../guard/this-machine.ts";
import type { Log } from "../log.ts";
import { startOps } from "../ops.ts";
import { addressPolicy } from "../policy/address-policy.ts";
import { exchangeLogThread } from "../proxy/observe/logged-exchange.ts";
import { type ProxyServer, startProxy } from "../proxy/proxy.ts";
import { RemoteSource } from "../proxy/snapshot/remote-source.ts";
import { openAccessLog } from "./access-log-place.ts";
import { CertificateTimes } from "./certificate-times.ts";
import { isClockOff } from "./clock-offset.ts";
import { nodeKeysFile, snapshotFile } from "./data-files.ts";
import { diskProblems, diskSeries } from "./disk-room.ts";
import { exchangeLogProblems, openExchangeLog } from "./exchange-log-place.ts";
import { gateHealth } from "./gate-health.ts";
import { commonOptions, NOWHERE } from "./gates.ts";
import { withListenError } from "./listen-error.ts";
import { NodeAnswers } from "./node-answers.ts";
import { NodeCredential } from "./node-credential.ts";
import { type NodeKeys, nodeBox, writeNodeKeys } from "./node-keys.ts";
import { nodeWelcome } from "./node-welcome.ts";
import { isOwnListener } from "./own-listeners.ts";
import { takeProxyDirectory } from "./proxy-directory.ts";
import { CannotStartNode, type RunningNode } from "./running-node.ts";
import { type ShutdownStep, shutdown, stopMs } from "./shutdown.ts";
import { openTraces } from "./traces.ts";
import { urlOf } from "./url-of.ts";

/** Networks of containers that control planes are told; they need more only to explain. */
const NETWORKS_MAX = 256;

export async function startProxyNode(node: NodeConfig, log: Log): Promise<RunningNode> {
  const { config } = node;
  const credential = new NodeCredential(node);
  const stops: ShutdownStep[] = [];
  const own: ListenAddress[] = [];
  const source = new RemoteSource({
    urls: node.feedUrls,
    token: credential.token,
    tls: credential,
    process: node.processName,
    servers: [config.serverName],
    version,
    listeners: () => own.map(({ hostname, port }) => `${hostname}:${port}`),
    programPorts: config.programPorts,
    addresses: addressesOfThisMachine,
    containerNetworks: config.containerCidrs.slice(0, NETWORKS_MAX),
    stalenessMaxMs: config.stalenessMaxS === null ? null : config.stalenessMaxS * 1000,
    log,
  });
  stops.push(async () => source.stop());
  let draining = false;
  try {
    const keysPath = join(config.dataDir, nodeKeysFile);
    const { domain, keys } = await nodeWelcome({
      ...{ source, urls: [...new Set(node.feedUrls)] },
      ...{ keysPath, secret: credential.secret },
    });
    mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
    const giveBack = takeProxyDirectory({
      ...{ path: config.dataDir, owner: credential.owner, process: node.processName },
      ...{ maySucceed: config.proxyReusePort, log },
    });
    stops.push(async () => giveBack());
    let known: NodeKeys = { domain, keys };
    const keep = () => writeNodeKeys(keysPath, credential.secret, known);
    void source.welcome.then((welcome) => {
      known = welcome;
      keep();
    });
    const placement = addressPolicy(config.containerCidrs);
    const bypassKey = keys[hopsKeyName(config.serverName)];
    const revisionsKey = keys.revisions;
    const diskBox =
      credential.token === null ? boxOf(keys[diskKeyName]) : nodeBox(credential.token, "snapshot");
    if (bypassKey === undefined || revisionsKey === undefined || diskBox === null) {
      throw new CannotStartNode("the control plane sent no keys: is it of another version?");
    }
    const { proxy: exchangesMax, warning } = descriptorBudget(descriptorLimit(), config);
    if (warning !== null) log.warn({}, warning);
    const exchangeLog = await openExchangeLog(config, log);
    if (exchangeLog !== null) stops.push(() => exchangeLog.close());
    const accessLog = await openAccessLog(config.accessLog, log);
    const traces = openTraces(config.serverName, log);
    stops.push(async () => {
      await Promise.all([traces?.close(), accessLog?.close()]);
    });
    const proxy = await withProxyError(config.proxyListen ?? NOWHERE, () =>
      startProxy(
        {
          ...commonOptions(config),
          reusePort: config.proxyReusePort,
          plainEdge: config.proxyEdge,
          tls: config.proxyTls,
          upstreamTls: config.upstreamTls,
          snapshotPlace: {
            path: join(config.dataDir, snapshotFile),
            box: diskBox,
            isShared: config.proxyReusePort,
          },
          // The control plane's, whatever is configured here.
          domain,
          exchangesMax,
          heldBytesMax: config.heldBytesMax,
          mayDial: (address) => placement.place(address) !== null,
          isForbidden: (address, port) => isOwnListener(own, address, port),
          bypassKeys: () => [bypassKey],
          exchangeLog,
          accessLog,
          traces,
          log,
        },
        source,
      ),
    );
    own.push(...[proxy.plain, proxy.tls].filter((each) => each !== null));
    own.push(...proxy.innerPorts.map((port) => ({ hostname: RELAY_SERVER_HOST, port })));
    stops.push(() => proxy.drain(config.drainS * 1000));
    const { instruments } = proxy.metrics;
    diskSeries(instruments, config);
    if (exchangeLog !== null) exchangeLogThread(instruments, exchangeLog);
    instruments.gauge("realmgate_feed_connected", "Whether a control plane is followed.", () =>
      source.problem === null ? 1 : 0,
    );
    instruments.counter(
      "realmgate_feed_connects_total",
      "Streams that were begun.",
      () => source.connects,
    );
    instruments.gauge(
      "realmgate_clock_offset_seconds",
      "How far the clock of the control plane is ahead.",
      () => (source.clockOffsetMs ?? 0) / 1000,
    );
    const revisions = revisionTokens(SecretBox.withKey(Buffer.from(revisionsKey)));
    const ops = withListenError("OPS", config.opsListen ?? NOWHERE, () =>
      startOps({
        listen: config.opsListen ?? NOWHERE,
        reached: proxy.reached,
        hasLost: proxy.hasLost,
        openRevision: revisions.open,
        metrics: proxy.metrics,
        health: () => {
          const { problem } = source;
          return gateHealth(proxy.enforcement(), {
            problems: [
              ...(problem === null ? [] : [`no control plane is followed: ${problem}`]),
              ...(isClockOff(source.clockOffsetMs ?? 0)
                ? ["the clock is minutes off that of the control plane"]
                : []),
              ...diskProblems(config, "proxy"),
              ...exchangeLogProblems(exchangeLog),
            ],
            isFollowing: problem === null,
            draining,
          });
        },
      }),
    );
    own.push(...ops.listeners);
    source.introduce();
    const answers = new NodeAnswers({
      ...{ urls: node.feedUrls, token: credential.token, tls: credential },
      ...{ process: node.processName, servers: [config.serverName] },
      ...{ exchangeLog, connections: proxy.connections, log },
    });
    answers.start();
    stops.push(async () => answers.stop());
    const renewed = () => {
      source.reconnect();
      answers.reconnect();
      try {
        keep();
      } catch (error) {
        log.error(
          { err: error, path: keysPath },
          "a start without control planes needs the old key",
        );
      }
    };
    const certificate = credential.watch(node.nodeCertificate, renewed, log);
    if (certificate !== null) {
      const certificates = new CertificateTimes();
      certificates.set("node", () => certificate.notAfterMs ?? 0);
      certificates.register(instruments);
    }
    const authorities = credential.watchAuthorities(config.feed.controlCaPath, renewed, log);
    stops.push(async () => {
      certificate?.stop();
      authorities?.stop();
    });
    stops.unshift(() => ops.stop());
    return {
      ready: {
        server: config.serverName,
        ...(proxy.plain === null ? {} : { proxy: urlOf(proxy.plain) }),
        ...(proxy.tls === null ? {} : { proxyTls: urlOf(proxy.tls, "https") }),
        ops: urlOf(ops),
      },
      reload: async () => {
        authorities?.check();
        await Promise.all([proxy.reloadTls(), certificate?.check()]);
      },
      async stop() {
        draining = true;
        log.info({ drainS: config.drainS }, "stopping: running exchanges may finish");
        await shutdown(stops, config.drainS * 1000 + stopMs, log);
      },
    };
  } catch (error) {
    await shutdown(stops);
    throw error;
  }
}

function boxOf(key: Uint8Array | undefined): SecretBox | null {
  return key === undefined ? null : SecretBox.withKey(Buffer.from(key));
}

async function withProxyError(
  listen: ListenAddress,
  start: () => Promise<ProxyServer>,
): Promise<ProxyServer> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "CannotListen") throw error;
    const { hostname, port } = listen;
    throw new CannotStartNode(
      `REALMGATE_PROXY_LISTEN: cannot listen on ${hostname}:${port} (in use?)`,
      {
        cause: error,
      },
    );
  }
}
