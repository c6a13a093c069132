// Caddy: one thread of Go code (GOMAXPROCS=1), no access log, no admin API, kept connections to the upstream.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../test/harness/free-port.ts";
import type { Contestant, Setting } from "./contestant.ts";
import { family, startServer, versionOf } from "./processes.ts";
import { foreignHost, foreignHosts, type Gate, PASSWORD, TOKEN, USER } from "./work.ts";

const KEPT = 1_024;
const BCRYPT_COST = 10;

const proxied = (port: number) => `reverse_proxy 127.0.0.1:${port} {
    transport http {
      compression off
      keepalive_idle_conns ${KEPT}
      keepalive_idle_conns_per_host ${KEPT}
    }
  }`;

function guardsOf(setting: Setting): Readonly<Record<Exclude<Gate, "hosts">, string>> {
  const hash = Bun.password.hashSync(PASSWORD, { algorithm: "bcrypt", cost: BCRYPT_COST });
  return {
    open: "",
    ip: "@outside not remote_ip 127.0.0.0/8\n  respond @outside 403",
    token: `@unknown not header X-Api-Token ${TOKEN}\n  respond @unknown 403`,
    password: `basicauth {\n    ${USER} ${hash}\n  }`,
    jwt: `forward_auth 127.0.0.1:${setting.authPort} {\n    uri /\n    transport http {\n      compression off\n      keepalive_idle_conns_per_host ${KEPT}\n    }\n  }`,
  };
}

function configOf(setting: Setting, port: number, tlsPort: number): string {
  const guards = guardsOf(setting);
  const sites = (Object.keys(guards) as (keyof typeof guards)[]).map((gate) => {
    const host = foreignHost(gate);
    return `
http://${host}:${port} {
  route {
  ${guards[gate]}
  @websocket path /websocket
  ${proxied(setting.webSocketPort).replace("reverse_proxy", "reverse_proxy @websocket")}
  ${proxied(setting.upstreamPort)}
  }
}`;
  });
  return `{
  admin off
  auto_https off
  default_sni ${foreignHost("open")}
}
${sites.join("\n")}
https://${foreignHost("open")}:${tlsPort} {
  tls ${setting.certPath} ${setting.keyPath}
  ${proxied(setting.upstreamPort)}
}
${foreignHosts.map((host) => `http://${host}:${port}`).join(", ")} {
  ${proxied(setting.upstreamPort)}
}
`;
}

/** Null when it is not installed. */
export async function caddy(setting: Setting, authPid: number): Promise<Contestant | null> {
  const version = versionOf("caddy", "version");
  if (version === null) return null;
  const folder = join(setting.folder, "caddy");
  mkdirSync(folder, { recursive: true });
  const [port, tlsPort] = [freePort(), freePort()];
  const path = join(folder, "Caddyfile");
  writeFileSync(path, configOf(setting, port, tlsPort));
  const started = await startServer(
    ["caddy", "run", "--config", path, "--adapter", "caddyfile"],
    port,
  );
  return {
    name: "caddy",
    version: `caddy ${version}`,
    pids: (gate) => [...family(started.pid), ...(gate === "jwt" ? [authPid] : [])],
    port: (listener) => (listener === "plain" ? port : tlsPort),
    hosts: (gate) => (gate === "hosts" ? foreignHosts : [foreignHost(gate)]),
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
