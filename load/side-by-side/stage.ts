// Starts everything that takes part, and says what is not installed.
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { certificate } from "../../test/harness/certificate.ts";
import { startScript } from "../../test/harness/process-lines.ts";
import { caddy } from "./caddy.ts";
import { type Contestant, GATE_PROCESSES, type Setting } from "./contestant.ts";
import { haproxy } from "./haproxy.ts";
import { type Nginx, nginxProxy, nginxUpstream } from "./nginx.ts";
import { family, versionOf } from "./processes.ts";
import { type Realmgate, realmgate } from "./realmgate.ts";

export interface Stage extends AsyncDisposable {
  readonly contestants: readonly Contestant[];
  readonly gate: Realmgate;
  readonly nginx: Nginx | null;
  readonly upstream: string;
}

interface Serving {
  readonly pid: number;
  readonly port: number;
  readonly what: string;
}

/** The upstream: nginx where it is installed, since it must not be what limits. */
async function startUpstream(folder: string, own: AsyncDisposableStack): Promise<Serving> {
  const version = versionOf("nginx", "-v");
  if (version === null) {
    console.error("NOTE: without nginx the upstream is Bun.serve, which may be what limits");
    return { ...(await script("echo-server.ts", own)), what: "Bun.serve" };
  }
  const { pid, port } = own.use(await nginxUpstream(folder));
  return { pid, port, what: `${version}, one worker: \`return 200\`, and files by sendfile` };
}

async function script(name: string, own: AsyncDisposableStack, ...args: readonly string[]) {
  const started = own.use(startScript(join(import.meta.dir, name), ...args));
  return { pid: started.pid, port: Number(await started.line()) };
}

/** Only those named in `wanted`; the gate always. */
export async function startStage(
  folder: string,
  wanted: ReadonlySet<string>,
  gateHosts: number,
): Promise<Stage> {
  await using own = new AsyncDisposableStack();
  // Workers of nginx run as another user.
  chmodSync(folder, 0o755);
  const upstream = await startUpstream(folder, own);
  const webSockets = await script("echo-server.ts", own);
  const auth = await script("auth-service.ts", own);
  const pair = certificate({ names: ["*.local.containers.localhost"] });
  const [certPath, keyPath] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(certPath, pair.cert);
  writeFileSync(keyPath, pair.key);
  const setting: Setting = {
    upstreamPort: upstream.port,
    webSocketPort: webSockets.port,
    authPort: auth.port,
    folder,
    certPath,
    keyPath,
  };
  const contestants: Contestant[] = [];
  const take = <T extends Contestant | null>(contestant: T, name: string): T => {
    if (contestant === null) console.error(`NOT INSTALLED, left out of the comparison: ${name}`);
    else contestants.push(own.use(contestant));
    return contestant;
  };
  const isWanted = (name: string) => wanted.has(name);
  take(alone("direct", "the upstream itself", family(upstream.pid), upstream.port), "direct");
  const edge = process.env.REALMGATE_PROXY_EDGE ?? null;
  const gate = take(await realmgate("realmgate", setting, edge, gateHosts), "realmgate");
  if (edge !== "serve" && isWanted("realmgate serve")) {
    take(await realmgate("realmgate serve", setting, "serve", gateHosts), "realmgate serve");
  }
  for (const name of GATE_PROCESSES.keys()) {
    if (isWanted(name)) take(await realmgate(name, setting, edge, 1), name);
  }
  const nginx = isWanted("nginx") ? take(await nginxProxy(setting, auth.pid), "nginx") : null;
  if (isWanted("haproxy")) take(await haproxy(setting), "haproxy");
  if (isWanted("caddy")) take(await caddy(setting, auth.pid), "caddy");
  if (isWanted("bun fetch")) {
    const { pid, port } = await script("bun-fetch-proxy.ts", own, String(upstream.port));
    take(alone("bun fetch", `Bun.serve and fetch, Bun ${Bun.version}`, [pid], port), "bun fetch");
  }
  const everything = own.move();
  return {
    contestants,
    gate,
    nginx,
    upstream: upstream.what,
    [Symbol.asyncDispose]: () => everything.disposeAsync(),
  };
}

/** A listener without gates, started elsewhere. */
function alone(
  name: "direct" | "bun fetch",
  version: string,
  pids: readonly number[],
  port: number,
): Contestant {
  return {
    name,
    version,
    pids: () => pids,
    port: (listener) => (listener === "plain" ? port : null),
    hosts: () => ["localhost"],
    async [Symbol.asyncDispose]() {},
  };
}
