// `bun load/logged.ts [STARTS]` (3): what the exchange log costs a request, in pairs of runs by two gates of one process, of which one
// has a log: between processes the same code differs by more than the log costs. Prints medians of the ratios of CPU time a request,
// of the event loop and of all threads. Linux, wrk; about half a minute a start.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startScript } from "../test/harness/process-lines.ts";
import { median } from "./guard/compared.ts";
import { cpuUs } from "./process-cpu.ts";
import { type Load, saturate } from "./side-by-side/drive.ts";
import { credentials } from "./side-by-side/work.ts";

const STARTS = Number(process.argv[2] ?? 3);
const PAIRS = 20;
/** Until the code is compiled. */
const WARM_S = 3;
const RUN_S = 1;
const CONNECTIONS = 64;

/** Microseconds of CPU time a request. */
interface Cost {
  readonly loop: number;
  readonly all: number;
}

/** Of the main thread, which is the event loop. */
function loopUs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ")[0]) / 1_000;
}

async function cost(pid: number, load: Load): Promise<Cost> {
  const before = { loop: loopUs(pid), all: cpuUs(pid) };
  const { requests } = await saturate("wrk", load, RUN_S);
  return {
    loop: (loopUs(pid) - before.loop) / requests,
    all: (cpuUs(pid) - before.all) / requests,
  };
}

/** Pairs of one start: with a log, and without. */
async function pairsOf(upstreamPort: string, folder: string): Promise<[Cost, Cost][]> {
  await using gates = startScript(
    `${import.meta.dir}/logged-gates.ts`,
    upstreamPort,
    join(folder, "exchanges.sqlite"),
  );
  const { ports, host } = JSON.parse(await gates.line());
  const loadOf = (port: number): Load => ({
    name: "logged",
    protocol: "h1",
    port,
    hosts: [host],
    path: "/",
    fields: credentials.ip,
    postBytes: 0,
    connections: CONNECTIONS,
    folder,
  });
  const [logged, bare]: Load[] = ports.map(loadOf);
  if (logged === undefined || bare === undefined) throw new Error("the gates did not start");
  for (const load of [logged, bare]) await saturate("wrk", load, WARM_S);
  const pairs: [Cost, Cost][] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    if (pair % 2 === 0) {
      const first = await cost(gates.pid, logged);
      pairs.push([first, await cost(gates.pid, bare)]);
    } else {
      const first = await cost(gates.pid, bare);
      pairs.push([await cost(gates.pid, logged), first]);
    }
  }
  return pairs;
}

function told(pairs: readonly [Cost, Cost][]): string {
  const ratio = (of: keyof Cost) => median(pairs.map(([one, other]) => one[of] / other[of]));
  const us = median(pairs.map(([, { loop }]) => loop));
  return `event loop ${us.toFixed(1)} µs a request without a log; with it ${ratio("loop").toFixed(3)} of that, all threads ${ratio("all").toFixed(3)}`;
}

const folder = mkdtempSync(join(tmpdir(), "logged-"));
try {
  await using upstream = startScript(`${import.meta.dir}/stub-upstream.ts`);
  const port = await upstream.line();
  const all: [Cost, Cost][] = [];
  for (let start = 1; start <= STARTS; start++) {
    const pairs = await pairsOf(port, folder);
    all.push(...pairs);
    console.log(`start ${start}: ${told(pairs)}`);
  }
  console.log(`all: ${told(all)}`);
} finally {
  rmSync(folder, { recursive: true });
}
