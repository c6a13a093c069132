// The gate as it is started in production, on one edge or the other.

import { readFileSync } from "node:fs";
import { type Api, enforced, loginAdmin } from "../../test/harness/client.ts";
import { startProgram, type Urls } from "../../test/harness/program.ts";
import { type Contestant, GATE_PROCESSES, type Name, type Setting } from "./contestant.ts";
import { documents, GATES, type Gate, HOSTS } from "./work.ts";

/** Containers that are made at a time. */
const WIDTH = 16;

export interface Realmgate extends Contestant {
  readonly api: Api;
  readonly urls: Urls;
  /** Another container; resolves with its host and id once the write is answered, which is before it is enforced. */
  addContainer(port: number): Promise<{ readonly id: string; readonly host: string }>;
  /** Resolves when all writes so far are enforced. */
  settled(): Promise<void>;
}

/** `edge`: of the plain listener; its default when null. */
export async function realmgate(
  name: Name,
  setting: Setting,
  edge: string | null,
  hosts = HOSTS,
): Promise<Realmgate> {
  const workers = GATE_PROCESSES.get(name);
  const program = await startProgram({
    environment: {
      ...(workers === undefined ? {} : { REALMGATE_WORKERS: String(workers) }),
      REALMGATE_TRUSTED_PROXIES: "",
      REALMGATE_PROXY_TLS_LISTEN: "127.0.0.1:0",
      REALMGATE_TLS_CERT: setting.certPath,
      REALMGATE_TLS_KEY: setting.keyPath,
      ...(edge === null ? {} : { REALMGATE_PROXY_EDGE: edge }),
    },
  });
  const { urls } = program;
  const api = await loginAdmin(urls);
  const { id: projectId } = await api.data("POST", "/projects/", { body: { alias: "load" } });
  let made = 0;
  let last: Awaited<ReturnType<Api["call"]>> | null = null;
  const addContainer = async (port: number) => {
    const body = {
      name: `box-${made++}`,
      address: "127.0.0.1",
      programs: { terminal: { port }, display: { port: setting.webSocketPort } },
    };
    last = await api.call("POST", `/projects/${projectId}/containers`, { body });
    if (last.status !== 201) throw new Error(JSON.stringify(last.body));
    const { id } = last.body.data;
    return { id, host: `${projectId}-${id}-terminal-1.local.containers.localhost` };
  };
  const settled = async () => {
    if (last !== null) await enforced(urls, last);
  };
  const hostsOf = new Map<Gate, string[]>();
  for (const gate of GATES) {
    if (gate === "hosts") continue;
    const { id, host } = await addContainer(setting.upstreamPort);
    hostsOf.set(gate, [host]);
    const document = documents[gate];
    if (document === null) continue;
    const path = `/containers/${id}/proxy/permissions`;
    const { etag } = await api.data("GET", path);
    last = await api.call("PATCH", path, { body: document, headers: { "if-match": etag } });
    if (last.status !== 200) throw new Error(JSON.stringify(last.body));
  }
  const many: string[] = [];
  const maker = async () => {
    while (many.length < hosts) many.push((await addContainer(setting.upstreamPort)).host);
  };
  await Promise.all(Array.from({ length: WIDTH }, maker));
  hostsOf.set("hosts", many.slice(0, hosts));
  await settled();
  const portOf = (url: string | undefined) =>
    url === undefined ? null : Number(new URL(url).port);
  return {
    name,
    version: `realmgate (${edge ?? "default"} edge) on Bun ${Bun.version}`,
    api,
    urls,
    addContainer,
    settled,
    // With REALMGATE_WORKERS, its gate processes count, too.
    pids: () => [program.pid, ...childrenOf(program.pid)],
    port: (listener) => portOf(listener === "plain" ? urls.proxy : urls.proxyTls),
    hosts: (gate) => hostsOf.get(gate) ?? null,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

/** Of Linux. */
function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

/** The host of the same container's WebSocket echo. */
export function webSocketHost(host: string): string {
  return host.replace("-terminal-1.", "-display-1.");
}
