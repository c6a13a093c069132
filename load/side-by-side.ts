// `bun run load`: the gate beside nginx, HAProxy and Caddy, configured for the same work, on one upstream and in one run.
//
// For each row the proxies take turns, round by round: first as many requests as the connections carry (requests/s, CPU a request
// of all the proxy's processes), then a fixed rate that is half of what the gate and nginx both carry (p50, p99, p99.9). Where a
// service decides for a proxy (JWT beside nginx and Caddy), the CPU of the service counts. Any error, or any status but 200,
// fails the run; so does a proxy that lets in a request without its credential. Everything is on 127.0.0.1 and ends by itself.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { type Churned, churn } from "./side-by-side/churn.ts";
import type { Name } from "./side-by-side/contestant.ts";
import { type MeasuredRow, measureRow, type Pace } from "./side-by-side/measure.ts";
import { type Options, parseOptions } from "./side-by-side/options.ts";
import { versionOf } from "./side-by-side/processes.ts";
import { type Row, rows } from "./side-by-side/rows.ts";
import { type Stage, startStage } from "./side-by-side/stage.ts";
import { churnTable, resultsTable, rowLines, targetsTable } from "./side-by-side/table.ts";
import { HOSTS } from "./side-by-side/work.ts";

function machine({ command, rounds, saturatedS, driver }: Options, stage: Stage): string[] {
  const [cpu] = cpus();
  const drivers =
    driver === "wrk" ? [versionOf("wrk", "-v"), versionOf("h2load", "--version")] : [driver];
  return [
    `\`${command}\`: medians of ${rounds} rounds of ${saturatedS} s, ${new Date().toISOString().slice(0, 10)}.`,
    `Machine: ${cpus().length} × ${cpu?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}.`,
    `Upstream: ${stage.upstream}. Load: ${drivers.filter((each) => each !== null).join("; ")}; fixed rates by a client of Bun.`,
    `Proxies, one worker or thread each, unless it is said: ${stage.contestants.map(({ version }) => version).join("; ")}.`,
  ];
}

/** A quick run has everybody, and fixed rates, in these rows only; the gate and nginx at saturation in the others. */
const wholeRows: ReadonlySet<string> = new Set(["bare", "ip", "jwt", "workers"]);
const isWhole = ({ name }: Row, { isQuick }: Options) => !isQuick || wholeRows.has(name);
const isMain = (name: Name) => name === "realmgate" || name === "nginx";

async function main(options: Options, folder: string): Promise<void> {
  const wanted = rows.filter(({ name }) => options.rows.has(name));
  const isInstalled = Bun.which("h2load") !== null;
  const names = new Set(wanted.flatMap(({ contestants }) => contestants));
  const hosts = options.rows.has("hosts") ? HOSTS : 1;
  await using stage = await startStage(folder, names, hosts);
  const paceOf = (row: Row): Pace => ({ ...options, hasFixedRate: isWhole(row, options), folder });
  const results = new Map<string, MeasuredRow>();
  let churned: Churned[] = [];
  for (const row of wanted) {
    if (row.kind === "churn") {
      churned = await churn(row, stage.gate, stage.nginx, options.containers, paceOf(row));
      continue;
    }
    if (row.protocol === "tls h2" && !isInstalled) {
      console.error(`NOT INSTALLED: h2load; the row ${row.name} is left out`);
      continue;
    }
    const taking = stage.contestants.filter(
      ({ name }) => row.contestants.includes(name) && (isWhole(row, options) || isMain(name)),
    );
    const measured = await measureRow(row, taking, paceOf(row));
    results.set(row.name, measured);
    for (const line of rowLines(row.name, measured)) console.log(line);
  }
  const lines = [
    ...machine(options, stage),
    "",
    ...resultsTable(results),
    "",
    ...targetsTable(results),
    ...(churned.length === 0 ? [] : ["", ...churnTable(churned, options.containers)]),
  ];
  console.log(`\n${lines.join("\n")}`);
  if (options.out !== null) writeFileSync(options.out, `${lines.join("\n")}\n`);
}

const folder = mkdtempSync(join(tmpdir(), "realmgate-side-by-side-"));
try {
  await main(parseOptions(process.argv.slice(2), process.env), folder);
} finally {
  rmSync(folder, { recursive: true });
}
process.exit(0);
