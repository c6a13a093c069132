// The data plane in the process of the control plane.
import { descriptorBudget, descriptorLimit } from "../config/descriptor-budget.ts";
import type { ListenAddress } from "../config/setting-readers.ts";
import { RELAY_SERVER_HOST } from "../guard/server-peer.ts";
import { addressPolicy } from "../policy/address-policy.ts";
import { exchangeLogThread } from "../proxy/observe/logged-exchange.ts";
import { startProxy } from "../proxy/proxy.ts";
import { openAccessLog } from "./access-log-place.ts";
import { commonOptions, type Gates, type GatesOptions, type PreparedGates } from "./gates.ts";
import { isOwnListener } from "./own-listeners.ts";
import { openTraces } from "./traces.ts";

/** It follows the source directly. */
export const localGates: PreparedGates = {
  start,
  follow: () => Promise.resolve(),
  unfollow: () => Promise.resolve(),
  abandon: () => Promise.resolve(),
};

async function start(options: GatesOptions): Promise<Gates> {
  const { config, ring, snapshotPath, source, recentPolicies, exchangeLog, own, log } = options;
  const { proxy: exchangesMax, warning } = descriptorBudget(descriptorLimit(), config);
  if (warning !== null) log.warn({}, warning);
  const placement = addressPolicy(config.containerCidrs);
  const accessLog = await openAccessLog(config.accessLog, log);
  const traces = openTraces(config.serverName, log);
  let listeners = own;
  try {
    const proxy = await startProxy(
      {
        ...commonOptions(config),
        reusePort: config.proxyReusePort,
        plainEdge: config.proxyEdge,
        tls: config.proxyTls,
        upstreamTls: config.upstreamTls,
        snapshotPlace: { path: snapshotPath, box: ring.box("snapshot") },
        exchangesMax,
        heldBytesMax: config.heldBytesMax,
        mayDial: (address) => placement.place(address) !== null,
        isForbidden: (address, port) => isOwnListener(listeners, address, port),
        recentPolicies,
        bypassKeys: () => ring.derived("hops"),
        log,
        accessLog,
        traces,
        exchangeLog,
      },
      source,
    );
    if (exchangeLog !== null) exchangeLogThread(proxy.metrics.instruments, exchangeLog);
    const inner = proxy.innerPorts.map((port) => ({ hostname: RELAY_SERVER_HOST, port }));
    const all = (outer: readonly ListenAddress[]) => [...outer, ...inner];
    listeners = all(own);
    return {
      plain: proxy.plain,
      tls: proxy.tls,
      inner: () => inner,
      instruments: proxy.metrics.instruments,
      enforcement: () => proxy.enforcement(),
      problems: [],
      silent: [],
      reached: (...asked) => proxy.reached(...asked),
      hasLost: (...asked) => proxy.hasLost(...asked),
      metrics: proxy.metrics,
      connections: proxy.connections,
      reloadTls: () => proxy.reloadTls(),
      resealSnapshot: () => proxy.resealSnapshot(),
      own: (outer) => {
        listeners = all(outer);
      },
      async drain(boundMs) {
        await proxy.drain(boundMs);
        await Promise.all([traces?.close(), accessLog?.close()]);
      },
    };
  } catch (error) {
    await Promise.all([traces?.close(), accessLog?.close()]);
    throw error;
  }
}
