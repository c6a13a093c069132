// `bun load/drills/management.ts [WORKERS…]` (0 2): what clients of programs wait while the API works at full speed: dry runs,
// explains, logins and whole-document writes. With and without that, A B A B, at a fixed rate. SECONDS=4 PER_S=1000 unless set.
import { loginAdmin, makePlace } from "../../test/harness/client.ts";
import { startScript } from "../../test/harness/process-lines.ts";
import { startProgram } from "../../test/harness/program.ts";
import { LOADS } from "../control-plane.ts";
import type { FixedRateOrder, FixedRateResult } from "../side-by-side/fixed-rate-client.ts";

const seconds = Number(process.env.SECONDS ?? 4);
const perS = Number(process.env.PER_S ?? 1000);
const BUSY: readonly string[] = ["dry run", "explain", "login", "PUT of a container"];
const PAIRS = 2;

async function run(command: readonly string[], more: Record<string, string> = {}): Promise<string> {
  const child = Bun.spawn([process.execPath, ...command], {
    env: { ...process.env, ...more },
    stdout: "pipe",
    stderr: "inherit",
  });
  return (await new Response(child.stdout).text()).trim();
}

async function measured(workers: string): Promise<void> {
  await using upstream = startScript(`${import.meta.dir}/../stub-upstream.ts`);
  await using program = await startProgram({ environment: { REALMGATE_WORKERS: workers } });
  const { urls } = program;
  const api = await loginAdmin(urls);
  const served = await makePlace(api, urls, Number(await upstream.line()));
  const { projectId, containerId } = await makePlace(api, urls, 1);
  const order: FixedRateOrder = {
    load: {
      name: "management",
      protocol: "h1",
      port: Number(new URL(urls.proxy).port),
      hosts: [served.host("terminal-1")],
      path: "/",
      fields: {},
      postBytes: 0,
      connections: 64,
      folder: "",
    },
    perS,
    seconds,
    isRefusedOnLoss: true,
  };
  const asked = async (): Promise<FixedRateResult> =>
    JSON.parse(
      await run([`${import.meta.dir}/../side-by-side/fixed-rate-client.ts`, JSON.stringify(order)]),
    );
  const ids = JSON.stringify({ projectId, containerId });
  const line = (what: string, { p50Ms, p99Ms, p999Ms, maxMs }: FixedRateResult, calls: string) => {
    const numbers = [p50Ms, p99Ms, p999Ms, maxMs].map((ms) => ms.toFixed(2)).join(" | ");
    console.log(`| ${workers} | ${what} | ${numbers} | ${calls} |`);
  };
  await asked();
  for (let pair = 0; pair < PAIRS; pair++) {
    line("quiet", await asked(), "");
    const loads = BUSY.map((name) =>
      run([`${import.meta.dir}/../control-plane.ts`, name, JSON.stringify(urls), ids], {
        SECONDS: String(seconds + 1),
      }),
    );
    await Bun.sleep(500);
    line("busy", await asked(), (await Promise.all(loads)).join("; "));
  }
}

const unknown = BUSY.filter((name) => !LOADS.includes(name));
if (unknown.length > 0) throw new Error(`load/control-plane.ts has no ${unknown.join(", ")}`);
console.log("| workers | API | p50 ms | p99 ms | p99.9 ms | worst ms | answers of the API |");
console.log("| --- | --- | --- | --- | --- | --- | --- |");
const asked = process.argv.slice(2);
for (const workers of asked.length === 0 ? ["0", "2"] : asked) await measured(workers);
