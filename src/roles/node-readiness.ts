// What would keep the roles `control`, `proxy` and `gateway` from starting, found without changing anything.
import { connect } from "node:net";
import type { NodeConfig, Role } from "../config/node-config.ts";
import {
  bindFindings,
  certificateFindings,
  codeOf,
  type Finding,
  type Listen,
  proxyListens,
  serverFindings,
  warning,
} from "./readiness.ts";

/** How long a control plane may take to accept a connection. */
const CONNECT_MS = 3_000;

/** All of them at once; empty: a start should succeed. */
export async function nodeFindings(role: Role, node: NodeConfig): Promise<readonly Finding[]> {
  const { config, feedListen, feedTls, feedUrls, controlUrls } = node;
  const own = ["NODE_CERT", node.nodeCertificate?.pair] as const;
  const rest: Listen = ["REST_LISTEN", config.restListen];
  const ops: Listen = ["OPS_LISTEN", config.opsListen];
  const api = ["API_TLS_CERT", config.apiTls?.pair] as const;
  const ends = (...certificates: Parameters<typeof certificateFindings>[0]) =>
    certificateFindings(certificates, Date.now());
  switch (role) {
    case "control":
      return [
        ...(await serverFindings(config)),
        ...ends(api, ["FEED_TLS_CERT", feedTls?.pair]),
        ...(await bindFindings([
          ...[rest, ["GRPC_LISTEN", config.grpcListen] as const],
          ...[ops, ["FEED_LISTEN", feedListen] as const],
        ])),
      ];
    case "proxy":
      return [
        ...ends(["TLS_CERT", config.proxyTls?.pair], own),
        ...(await reachFindings("FEED_URLS", feedUrls)),
        ...(await bindFindings([ops, ...proxyListens(config)])),
      ];
    case "gateway":
      return [
        ...ends(api, own),
        ...(await reachFindings("CONTROL_URLS", controlUrls)),
        ...(await bindFindings([rest, ops])),
      ];
  }
}

/** A control plane may come later: what does not answer now is worth a word only. */
async function reachFindings(
  setting: string,
  urls: readonly string[],
): Promise<readonly Finding[]> {
  const problems = await Promise.all(urls.map(unreachable));
  return problems.flatMap((problem, index) =>
    problem === null ? [] : [warning(setting, `${urls[index]} does not answer (${problem})`)],
  );
}

function unreachable(url: string): Promise<string | null> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port || (protocol === "https:" ? 443 : 80)) });
    const over = (problem: string | null) => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(CONNECT_MS, () => over("no connection in 3 s"));
    socket.once("connect", () => over(null));
    socket.once("error", (cause) => over(codeOf(cause)));
  });
}
