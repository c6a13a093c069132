// `bun load/soak.ts [MINUTES]` (30): mixed traffic with random breaks against one gate. Clients vanish at every state, upstreams break,
// policies change; WebSockets, uploads and HTTP/2 go on meanwhile. Fails when the gate's memory is not flat after a warm-up of a
// fifth of the time and at least two minutes, when it answers what is not among the statuses of a broken upstream, or when exchanges stay open at the end.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificate } from "../test/harness/certificate.ts";
import { loginAdmin, makePlace } from "../test/harness/client.ts";
import { startScript } from "../test/harness/process-lines.ts";
import { startProgram } from "../test/harness/program.ts";
import { rssBytes } from "./process-memory.ts";
import { growthMibPerMinute, type Sample } from "./soak/growth.ts";
import { type Target, Traffic } from "./soak/traffic.ts";

const minutes = Number(process.argv[2] ?? 30);
if (!(minutes > 0)) throw new Error("usage: bun load/soak.ts [MINUTES]");
/** Until the heap and the pools have their size. */
const WARM_UP_MINUTES = Math.max(2, 0.2 * minutes);
const JUDGED_MINUTES_MIN = 3;
const isJudged = minutes - WARM_UP_MINUTES >= JUDGED_MINUTES_MIN;
/** Of the whole time after the warm-up; what a heap varies by without growing. */
const GROWTH_MIB_MAX = 24;
const SAMPLES = 60;
const SETTLED_WITHIN_MS = 40_000;

/** Value of a metric without labels. */
async function gauge(ops: string, name: string): Promise<number> {
  const text = await (await fetch(`${ops}/metrics`)).text();
  const value = new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1];
  if (value === undefined) throw new Error(`no metric ${name}`);
  return Number(value);
}

const allowed = (n: number) => ({
  groups: {
    all: { type: "ip", range: "127.0.0.0/8" },
    other: { type: "token", value: `t${n}`, header: "X-Api-Token" },
  },
  permissions: { all: { terminal: true }, other: { terminal: true } },
  default: "deny",
});
const denied = { groups: {}, permissions: {}, default: "deny" };

const folder = mkdtempSync(join(tmpdir(), "realmgate-soak-"));
const pair = certificate({ names: ["*.local.containers.localhost"] });
const [certPath, keyPath] = [join(folder, "cert.pem"), join(folder, "key.pem")];
writeFileSync(certPath, pair.cert);
writeFileSync(keyPath, pair.key);
await using upstream = startScript(`${import.meta.dir}/soak/upstream.ts`);
const upstreamPort = Number(await upstream.line());
await using program = await startProgram({
  environment: {
    REALMGATE_TRUSTED_PROXIES: "",
    REALMGATE_PROXY_TLS_LISTEN: "127.0.0.1:0",
    REALMGATE_TLS_CERT: certPath,
    REALMGATE_TLS_KEY: keyPath,
  },
});
const { urls, pid } = program;
const api = await loginAdmin(urls);
const steady = await makePlace(api, urls, upstreamPort);
const changing = await makePlace(api, urls, upstreamPort);
const target: Target = {
  port: Number(new URL(urls.proxy).port),
  tlsPort: Number(new URL(urls.proxyTls ?? "").port),
  steadyHost: steady.host("terminal-1"),
  changingHost: changing.host("terminal-1"),
};

const traffic = new Traffic(target);
const durationMs = minutes * 60_000;
const startMs = performance.now();
const samples: Sample[] = [];
const sampler = setInterval(() => {
  const minute = (performance.now() - startMs) / 60_000;
  samples.push({ minute, mib: rssBytes(pid) / 1024 / 1024 });
  const { mib } = samples.at(-1) ?? { mib: Number.NaN };
  console.log(`${minute.toFixed(2)} min  ${mib.toFixed(0)} MiB  ${traffic.line}`);
}, durationMs / SAMPLES);
traffic.start();
for (let n = 0; performance.now() - startMs < durationMs; n++) {
  await changing.container.replace(n % 4 === 3 ? denied : allowed(n));
  await Bun.sleep(250);
}
clearInterval(sampler);
await traffic.stop();

let open = Number.NaN;
const settledMs = performance.now() + SETTLED_WITHIN_MS;
do {
  await Bun.sleep(500);
  open = await gauge(urls.ops, "realmgate_exchanges_open");
} while (open > 0 && performance.now() < settledMs);
const after = samples.filter(({ minute }) => minute >= WARM_UP_MINUTES);
const growth = growthMibPerMinute(after) * (minutes - WARM_UP_MINUTES);
console.log(
  isJudged
    ? `growth after the warm-up: ${growth.toFixed(1)} MiB (least squares over ${after.length} samples, ${GROWTH_MIB_MAX} at most)`
    : "NOTE: less than five minutes are too short to judge memory, which is NOT judged",
);
console.log(`open exchanges at the end: ${open}; ${traffic.line}`);
const unexpected = [...traffic.unexpected].map(([what, count]) => `${count} × ${what}`);
const problems = [
  ...(isJudged && !(growth <= GROWTH_MIB_MAX) ? ["memory is not flat"] : []),
  ...(open === 0 ? [] : ["exchanges are open"]),
  ...(unexpected.length === 0 ? [] : [`unexpected: ${unexpected.join(", ")}`]),
  ...traffic.unused.map((kind) => `no ${kind} succeeded`),
];
await program[Symbol.asyncDispose]();
await upstream[Symbol.asyncDispose]();
rmSync(folder, { recursive: true });
console.log(problems.length === 0 ? "passed" : `FAILED: ${problems.join("; ")}`);
process.exit(problems.length === 0 ? 0 : 1);
