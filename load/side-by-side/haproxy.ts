// HAProxy: one thread, no logs, connections to the upstream kept and shared.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../test/harness/free-port.ts";
import type { Contestant, Setting } from "./contestant.ts";
import { family, startServer, versionOf } from "./processes.ts";
import { foreignHost, foreignHosts, GATES, JWT_SECRET, PASSWORD, TOKEN, USER } from "./work.ts";

const configOf = (setting: Setting, folder: string, port: number, tlsPort: number) => `
global
  maxconn 8000
  nbthread 1
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 75s
  timeout server 75s
  timeout tunnel 1h
userlist users
  user ${USER} insecure-password ${PASSWORD}
frontend load
  bind 127.0.0.1:${port} backlog 4096
  bind 127.0.0.1:${tlsPort} backlog 4096 ssl crt ${folder}/pair.pem alpn h2,http/1.1
${GATES.filter((gate) => gate !== "hosts")
  .map((gate) => `  acl is_${gate} req.hdr(host) -i -m str ${foreignHost(gate)}`)
  .join("\n")}
  http-request deny if is_ip !{ src 127.0.0.0/8 }
  http-request deny if is_token !{ req.hdr(x-api-token) -m str ${TOKEN} }
  http-request auth if is_password !{ http_auth(users) }
  http-request set-var(txn.bearer) http_auth_bearer if is_jwt
  http-request set-var(txn.expires) var(txn.bearer),jwt_payload_query('$.exp','int') if is_jwt
  http-request set-var(txn.now) date() if is_jwt
  http-request deny if is_jwt !{ var(txn.bearer),jwt_header_query('$.alg') -m str HS256 }
  http-request deny if is_jwt !{ var(txn.bearer),jwt_verify("HS256","${JWT_SECRET}") -m int 1 }
  http-request deny if is_jwt { var(txn.expires),sub(txn.now) -m int lt 0 }
  use_backend websocket if { path /websocket }
  use_backend %[req.hdr(host),lower,map_str(${folder}/hosts.map,none)]
backend upstream
  server one 127.0.0.1:${setting.upstreamPort}
backend websocket
  server one 127.0.0.1:${setting.webSocketPort}
backend none
  http-request deny deny_status 421
`;

/** Null when it is not installed. */
export async function haproxy(setting: Setting): Promise<Contestant | null> {
  const version = versionOf("haproxy", "-v");
  if (version === null) return null;
  const folder = join(setting.folder, "haproxy");
  mkdirSync(folder, { recursive: true });
  const [port, tlsPort] = [freePort(), freePort()];
  const path = join(folder, "haproxy.cfg");
  const pair = readFileSync(setting.certPath, "utf8") + readFileSync(setting.keyPath, "utf8");
  writeFileSync(join(folder, "pair.pem"), pair);
  const hosts = [...GATES.map((gate) => foreignHost(gate)), ...foreignHosts.slice(1)];
  writeFileSync(join(folder, "hosts.map"), hosts.map((host) => `${host} upstream\n`).join(""));
  writeFileSync(path, configOf(setting, folder, port, tlsPort));
  const started = await startServer(["haproxy", "-db", "-f", path], port);
  return {
    name: "haproxy",
    version,
    pids: () => family(started.pid),
    port: (listener) => (listener === "plain" ? port : tlsPort),
    hosts: (gate) => (gate === "hosts" ? foreignHosts : [foreignHost(gate)]),
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
