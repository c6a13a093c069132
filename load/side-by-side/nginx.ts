// nginx: as the upstream, and as a proxy with one worker, no logs, kept connections to the upstream, nothing buffered on disk.
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../test/harness/free-port.ts";
import type { Contestant, Setting } from "./contestant.ts";
import { family, type Started, startServer, versionOf } from "./processes.ts";
import { BODIES, foreignHost, foreignHosts, type Gate, PASSWORD, TOKEN, USER } from "./work.ts";

const KEPT = 1_024;

const main = (folder: string, http: string) => `
daemon off;
worker_processes 1;
worker_rlimit_nofile 65535;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 16384; }
http {
  access_log off;
  server_tokens off;
  keepalive_requests 100000000;
  keepalive_timeout 75s;
  tcp_nodelay on;
  client_body_temp_path ${folder}/client;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server_names_hash_max_size 16384;
  server_names_hash_bucket_size 128;
  map_hash_max_size 1048576;
  map_hash_bucket_size 128;
${http}
}
`;

async function start(folder: string, http: string, port: number): Promise<Started> {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
  const path = join(folder, "nginx.conf");
  writeFileSync(path, main(folder, http));
  return startServer(["nginx", "-c", path, "-p", folder], port);
}

/** Answers from memory (`return 200`), longer ones from files by sendfile. Reads and drops what is posted. */
export async function nginxUpstream(folder: string): Promise<Started & { readonly port: number }> {
  const port = freePort();
  const home = join(folder, "upstream");
  mkdirSync(home, { recursive: true });
  for (const [path, bytes] of Object.entries(BODIES)) {
    if (path !== "/") writeFileSync(join(home, path), "x".repeat(bytes));
  }
  const small = "x".repeat(BODIES["/"]);
  const server = `
  sendfile on;
  open_file_cache max=16;
  default_type text/plain;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    client_max_body_size 16m;
    root ${home};
    location = / { return 200 "${small}"; }
  }`;
  const started = await start(home, server, port);
  return { ...started, port };
}

const proxied = (upstream: string) => `proxy_pass http://${upstream};`;

/** What each gate adds to its server, before the request goes on. */
const guards: Readonly<Record<Exclude<Gate, "hosts">, (folder: string) => string>> = {
  open: () => "",
  ip: () => "allow 127.0.0.0/8; deny all;",
  token: () => "if ($token_is_known = 0) { return 403; }",
  password: (folder) => `auth_basic "load"; auth_basic_user_file ${folder}/users;`,
  jwt: () => "auth_request /auth;",
};

/** The map from host to upstream, as a file that is written anew before a reload. */
export function writeHostMap(folder: string, hosts: readonly string[], mark = ""): void {
  const lines = hosts.map((host) => `${host} upstream;`);
  writeFileSync(join(folder, "hosts.map"), `# ${mark}\n${lines.join("\n")}\n`);
}

const serverOf = (port: number, tlsPort: number, names: string, inside: string) => `
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${tlsPort} ssl http2;
    server_name ${names};
    ${inside}
  }`;

function httpOf(setting: Setting, folder: string, port: number, tlsPort: number): string {
  const gates = (Object.keys(guards) as (keyof typeof guards)[]).map((gate) =>
    serverOf(
      port,
      tlsPort,
      foreignHost(gate),
      `location / { ${guards[gate](folder)} ${proxied("upstream")} }
    location = /websocket {
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      ${proxied(`127.0.0.1:${setting.webSocketPort}`)}
    }
    location = /auth {
      internal;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Connection "";
      ${proxied("auth")}
    }`,
    ),
  );
  return `
  map $http_x_api_token $token_is_known { default 0; "${TOKEN}" 1; }
  map $host $pool { hostnames; default ""; include ${folder}/hosts.map; }
  upstream upstream { server 127.0.0.1:${setting.upstreamPort}; keepalive ${KEPT}; keepalive_requests 100000000; }
  upstream auth { server 127.0.0.1:${setting.authPort}; keepalive ${KEPT}; keepalive_requests 100000000; }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  proxy_max_temp_file_size 0;
  client_body_buffer_size 64k;
  client_max_body_size 16m;
  ssl_certificate ${setting.certPath};
  ssl_certificate_key ${setting.keyPath};
  ssl_session_cache shared:tls:10m;
  server { listen 127.0.0.1:${port} default_server backlog=4096; listen 127.0.0.1:${tlsPort} ssl http2 default_server backlog=4096; return 421; }
  ${gates.join("")}
  ${serverOf(port, tlsPort, "~-terminal-1\\.local\\.containers\\.localhost$", `if ($pool = "") { return 421; } location / { proxy_pass http://$pool; }`)}`;
}

export interface Nginx extends Contestant {
  /** Knows these hosts beside the usual ones after a reload, as its operator would do it: the map written, then SIGHUP. */
  reload(hosts: readonly string[], mark: string): void;
}

/** Null when it is not installed. */
export async function nginxProxy(setting: Setting, authPid: number): Promise<Nginx | null> {
  const version = versionOf("nginx", "-v");
  if (version === null) return null;
  const folder = join(setting.folder, "nginx");
  mkdirSync(folder, { recursive: true });
  const digest = new Bun.CryptoHasher("sha1").update(`${PASSWORD}salt`).digest();
  const stored = Buffer.concat([digest, Buffer.from("salt")]).toString("base64");
  writeFileSync(join(folder, "users"), `${USER}:{SSHA}${stored}\n`);
  writeHostMap(folder, foreignHosts);
  const [port, tlsPort] = [freePort(), freePort()];
  const started = await start(folder, httpOf(setting, folder, port, tlsPort), port);
  return {
    name: "nginx",
    version,
    pids: (gate) => [...family(started.pid), ...(gate === "jwt" ? [authPid] : [])],
    port: (listener) => (listener === "plain" ? port : tlsPort),
    hosts: (gate) => (gate === "hosts" ? foreignHosts : [foreignHost(gate)]),
    reload(hosts, mark) {
      writeHostMap(folder, [...foreignHosts, ...hosts], mark);
      started.signal("SIGHUP");
    },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}
