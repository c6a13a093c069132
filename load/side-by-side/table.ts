// The tables that the run prints, as Markdown.
import type { Churned } from "./churn.ts";
import type { MeasuredRow } from "./measure.ts";
import { type Target, targets } from "./targets.ts";

export type Results = ReadonlyMap<string, MeasuredRow>;

const tableHead = [
  "| row | proxy | requests/s | CPU µs/request | × nginx | p50 ms | p99 ms | p99.9 ms | at requests/s | MiB |",
  "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
];

export function rowLines(row: string, { cells, fixedPerS }: MeasuredRow): string[] {
  const nginxUs = cells.get("nginx")?.cpuUs ?? Number.NaN;
  return [...cells].map(([name, cell]) => {
    const ratio = cell.cpuUs / nginxUs;
    const columns = [
      row,
      name,
      Math.round(cell.requestsPerS).toLocaleString("en-US"),
      cell.cpuUs.toFixed(1),
      Number.isNaN(ratio) || name === "direct" ? "" : ratio.toFixed(2),
      ...[cell.p50Ms, cell.p99Ms, cell.p999Ms].map((ms) => (Number.isNaN(ms) ? "" : ms.toFixed(2))),
      fixedPerS === null ? "saturation" : fixedPerS.toLocaleString("en-US"),
      cell.memoryMib.toFixed(0),
    ];
    return `| ${columns.join(" | ")} |`;
  });
}

export function resultsTable(results: Results): string[] {
  return [...tableHead, ...[...results].flatMap(([row, measured]) => rowLines(row, measured))];
}

export type Verdict = "goal" | "resolved" | "missed" | "not measured";

/** How a target was met, with the figure. */
export function judge(target: Target, results: Results): { verdict: Verdict; value: number } {
  const ours = results.get(target.ours.row)?.cells.get(target.ours.name);
  const other = results.get(target.other.row)?.cells.get(target.other.name);
  if (ours === undefined || other === undefined)
    return { verdict: "not measured", value: Number.NaN };
  const value = target.measure === "cpu" ? ours.cpuUs / other.cpuUs : ours.p99Ms - other.p99Ms;
  if (value <= target.goal) return { verdict: "goal", value };
  return { verdict: value <= target.resolvedAt ? "resolved" : "missed", value };
}

/** Those of which no side was measured are left out. */
export function targetsTable(results: Results): string[] {
  const lines = targets.flatMap((target) => {
    const { verdict, value } = judge(target, results);
    if (verdict === "not measured") return [];
    const by =
      verdict === "missed" ? `missed by ${(value - target.resolvedAt).toFixed(2)}` : verdict;
    return [
      `| ${target.what} | ${value.toFixed(2)} | ${target.goal} | ${target.resolvedAt} | ${by} |`,
    ];
  });
  return [
    "| target | measured | goal | resolved at | |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
  ];
}

export function churnTable(churned: readonly Churned[], containers: number): string[] {
  const lines = churned.map(
    ({ name, before, during, changesPerS }) =>
      `| ${name} | ${changesPerS.toFixed(1)} | ${before.p99Ms.toFixed(2)} | ${during.p99Ms.toFixed(2)} | ${during.maxMs.toFixed(1)} | ${during.dropped} | ${during.reconnects} |`,
  );
  return [
    `Changes among ${containers.toLocaleString("en-US")} containers, at 1,000 requests/s (nginx: a new map and a reload each):`,
    "",
    "| proxy | changes/s | p99 ms before | p99 ms during | worst ms | lost requests | closed connections |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
  ];
}
