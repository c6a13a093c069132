// `bun load/neighbour.ts [FILTER]`: how long others wait while one client does its worst, listener by listener.
//
// Each row starts one attacker in a process of its own and asks every listener, one request after the other, over connections
// of its own. Everything is on 127.0.0.1, and each row lasts seconds. GATE=DIR measures the gate of another checkout.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { selfSigned } from "../test/harness/certificate.ts";
import { loginAdmin, makePlace } from "../test/harness/client.ts";
import { startScript } from "../test/harness/process-lines.ts";
import type { Program, Urls } from "../test/harness/program.ts";

const root = resolve(process.env.GATE ?? `${import.meta.dir}/..`);
const measureMs = 4_000;
const pauseMs = 10;
const webSocketUpstreamPort = 18_476;
/** A request that takes longer counts as this. */
const longestMs = 15_000;

interface Row {
  /** The listener that is attacked. */
  readonly listener: keyof Urls;
  /** As load/neighbour-attack.ts names it; empty: nobody attacks. */
  readonly attack: string;
}

const rows: readonly Row[] = [
  { listener: "rest", attack: "" },
  { listener: "rest", attack: "rest-pipeline" },
  { listener: "rest", attack: "rest-pipeline-20" },
  { listener: "rest", attack: "rest-openapi-unread" },
  { listener: "rest", attack: "churn" },
  { listener: "proxy", attack: "" },
  { listener: "proxy", attack: "proxy-pipeline" },
  { listener: "proxy", attack: "proxy-pipeline-20" },
  { listener: "proxy", attack: "proxy-slow-bodies" },
  { listener: "proxy", attack: "proxy-idle" },
  { listener: "proxy", attack: "churn" },
  { listener: "proxyTls", attack: "tls-pipeline" },
  { listener: "proxyTls", attack: "tls-h2-resets" },
  { listener: "proxyTls", attack: "tls-h2-streams" },
  { listener: "proxyTls", attack: "tls-h2-data" },
  { listener: "proxyTls", attack: "tls-h2-pings" },
  { listener: "proxyTls", attack: "tls-tiny-chunks" },
  { listener: "proxy", attack: "websocket-up" },
  { listener: "proxy", attack: "websocket-pings" },
  { listener: "proxy", attack: "websocket-down" },
  { listener: "ops", attack: "ops-pipeline" },
  { listener: "ops", attack: "ops-metrics" },
  { listener: "grpc", attack: "grpc-calls" },
  { listener: "grpc", attack: "grpc-health" },
  { listener: "grpc", attack: "grpc-resets" },
  { listener: "grpc", attack: "grpc-unfinished" },
  { listener: "grpc", attack: "grpc-pings" },
  { listener: "grpc", attack: "grpc-settings" },
  { listener: "grpc", attack: "grpc-empty-data" },
  { listener: "grpc", attack: "churn" },
];

/** A certificate in files, for the listener with TLS. */
function tlsFiles(): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-neighbour-"));
  const { cert, key } = selfSigned("*.local.containers.localhost", "localhost");
  writeFileSync(join(folder, "cert"), cert);
  writeFileSync(join(folder, "key"), key);
  return {
    REALMGATE_PROXY_TLS_LISTEN: "127.0.0.1:0",
    REALMGATE_TLS_CERT: join(folder, "cert"),
    REALMGATE_TLS_KEY: join(folder, "key"),
  };
}

/** What a neighbour asks of each listener. */
const questions = { rest: "/api/v1/users/me", ops: "/healthz", proxy: "/" } as const;

async function ask(url: string): Promise<number> {
  const startedMs = performance.now();
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(longestMs) });
    await response.bytes();
  } catch {
    return longestMs;
  }
  return performance.now() - startedMs;
}

async function latencies(url: string): Promise<number[]> {
  const all: number[] = [];
  const untilMs = performance.now() + measureMs;
  while (performance.now() < untilMs) {
    all.push(await ask(url));
    await Bun.sleep(pauseMs);
  }
  return all.sort((a, b) => a - b);
}

function percentile(sorted: readonly number[], share: number): string {
  return (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(1);
}

function memoryMb(pid: number): string {
  const [line = ""] =
    /VmHWM:.*/.exec(
      new TextDecoder().decode(Bun.spawnSync(["cat", `/proc/${pid}/status`]).stdout),
    ) ?? [];
  return (Number(/\d+/.exec(line)?.[0]) / 1024).toFixed(0);
}

/** Host of an open container whose terminal is the attack's own upstream. */
async function webSocketHost({ urls }: Program): Promise<string> {
  const place = await makePlace(await loginAdmin(urls), urls, webSocketUpstreamPort);
  return place.host("terminal-1");
}

async function measure(row: Row, program: Program): Promise<void> {
  const { urls, pid } = program;
  const { port } = new URL(urls[row.listener] ?? "");
  const script = `${import.meta.dir}/neighbour-attack.ts`;
  const host = row.attack.startsWith("websocket") ? await webSocketHost(program) : "x";
  const attacker = row.attack === "" ? null : startScript(script, row.attack, port, host);
  await attacker?.line();
  await Bun.sleep(500);
  const measured = await Promise.all(
    Object.entries(questions).map(async ([name, path]) => {
      const sorted = await latencies(`${urls[name as keyof typeof questions]}${path}`);
      return `${name} p50 ${percentile(sorted, 0.5)} p99 ${percentile(sorted, 0.99)} max ${percentile(sorted, 1)}`;
    }),
  );
  await attacker?.[Symbol.asyncDispose]();
  const what = row.attack === "" ? "nobody" : row.attack;
  console.log(`${what.padEnd(22)}| ${measured.join(" | ")} | ${memoryMb(pid)} MB`);
}

if (import.meta.main) {
  const filter = process.argv[2] ?? "";
  const { startProgram } = await import(`${root}/test/harness/program.ts`);
  console.log("milliseconds that a neighbour waits, and the gate's most memory");
  for (const row of rows.filter(({ attack }) => attack.includes(filter))) {
    // Each row gets a gate of its own, without trusted proxies: the attacker is one client network.
    await using program: Program = await startProgram({
      environment: { REALMGATE_TRUSTED_PROXIES: "", ...tlsFiles() },
    });
    await measure(row, program);
  }
}
