// The role `gateway`: REST for clients, gRPC to the control planes.
import { services } from "../../proto/services.ts";
import { descriptorBudget, descriptorLimit } from "../config/descriptor-budget.ts";
import type { NodeConfig } from "../config/node-config.ts";
import { remoteDispatch } from "../gateway-rest/remote-dispatch.ts";
import { startRest } from "../gateway-rest/server.ts";
import { LimitedLog } from "../guard/limited-log.ts";
import type { Log } from "../log.ts";
import { startOps } from "../ops.ts";
import { clientNetwork } from "../policy/client-network.ts";
import { trustedProxies } from "../proxy/gate/client-address.ts";
import { controlConnection } from "../proxy/snapshot/control-connection.ts";
import { watchApiCertificate } from "./api-certificate.ts";
import { CertificateTimes } from "./certificate-times.ts";
import { NOWHERE } from "./gates.ts";
import { withListenError } from "./listen-error.ts";
import { NodeCredential } from "./node-credential.ts";
import { nodeMetrics } from "./node-metrics.ts";
import type { RunningNode } from "./running-node.ts";
import { type ShutdownStep, shutdown } from "./shutdown.ts";
import { urlOf } from "./url-of.ts";

/** How often it is looked whether a control plane answers, in milliseconds. */
const LOOK_MS = 2_000;

export async function startGateway(node: NodeConfig, log: Log): Promise<RunningNode> {
  const { config, controlUrls } = node;
  const credential = new NodeCredential(node);
  const stops: ShutdownStep[] = [];
  const refusals = new LimitedLog(log);
  /** What the control plane said that answered last and does not know this gateway; null: it does. */
  let refusal: string | null = null;
  const remote = remoteDispatch({
    connections: () => controlUrls.map((url) => controlConnection(url, credential)),
    token: credential.token,
    judged(problem) {
      if (problem !== null && problem !== refusal) {
        refusals.error({ problem }, "a control plane refuses this gateway");
      }
      refusal = problem;
    },
    networkOf: clientNetwork,
  });
  stops.push(async () => remote.close());
  let draining = false;
  let heardAtMs: number | null = null;
  let isUp = false;
  const look = async () => {
    isUp = await remote.isUp();
    if (isUp) heardAtMs = Date.now();
  };
  try {
    await look();
    const timer = setInterval(() => void look(), LOOK_MS);
    stops.push(async () => clearInterval(timer));
    const connectionsMax = Math.max(1, descriptorBudget(descriptorLimit(), config).api);
    const perNetworkMax =
      config.apiConnectionsPerNetworkMax ?? Math.max(1, Math.floor(connectionsMax / 2));
    const listen = config.restListen ?? NOWHERE;
    const rest = withListenError("REST", listen, () =>
      startRest({
        ...listen,
        tls: config.apiTls?.pair ?? null,
        services,
        domain: config.domain,
        dispatch: remote.dispatch,
        proxies: trustedProxies(config.trustedProxies),
        limits: { connectionsMax, perNetworkMax },
        log: new LimitedLog(log),
      }),
    );
    const stopRest = () => rest.stop();
    stops.push(stopRest);
    const certificate =
      config.apiTls === null ? null : watchApiCertificate(config.apiTls, [rest], log);
    const renewed = () => {
      refusal = null;
      remote.reconnect();
    };
    const own = credential.watch(node.nodeCertificate, renewed, log);
    const authorities = credential.watchAuthorities(config.feed.controlCaPath, renewed, log);
    stops.push(async () => {
      own?.stop();
      authorities?.stop();
    });
    const certificates = new CertificateTimes();
    if (own !== null) certificates.set("node", () => own.notAfterMs ?? 0);
    if (certificate !== null) certificates.set("api", () => certificate.notAfterMs ?? 0);
    stops.push(async () => certificate?.stop());
    const ops = withListenError("OPS", config.opsListen ?? NOWHERE, () =>
      startOps({
        listen: config.opsListen ?? NOWHERE,
        reached: async () => isUp,
        hasLost: () => false,
        openRevision: null,
        metrics: nodeMetrics((instruments) => {
          instruments.gauge(
            "realmgate_gateway_control_up",
            "Whether a control plane answers.",
            () => (isUp ? 1 : 0),
          );
          certificates.register(instruments);
        }),
        health: () => ({
          draining,
          problems: [
            ...(isUp ? [] : ["no control plane answers"]),
            ...(refusal === null ? [] : [refusal]),
          ],
          snapshot: {
            from: "live",
            revision: 0,
            heardAtMs,
            closed: isUp ? null : "no_control_plane",
          },
        }),
      }),
    );
    // Until the API is through, it says that this gateway is draining.
    stops.splice(stops.indexOf(stopRest), 0, () => ops.stop());
    return {
      ready: { rest: urlOf(rest, config.apiTls === null ? "http" : "https"), ops: urlOf(ops) },
      reload: async () => {
        authorities?.check();
        await Promise.all([certificate?.check(), own?.check()]);
      },
      async stop() {
        draining = true;
        await shutdown(stops, config.drainS * 1000, log);
      },
    };
  } catch (error) {
    await shutdown(stops);
    throw error;
  }
}
