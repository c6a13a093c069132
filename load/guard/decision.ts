// The cost of decisions by each checkout's own bench, in processes that take turns.
import type { Compared } from "./compared.ts";

const PAIRS = 5;
/** Lines of load/decide.bench.ts that contain it. */
const SUBSET = "1 of 32 match, ranges";

/** Nanoseconds by line. */
function benched(root: string): Map<string, number> {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    [process.execPath, "load/decide.bench.ts", SUBSET],
    { cwd: root },
  );
  if (exitCode !== 0) throw new Error(`the bench of ${root} failed: ${stderr}`);
  const lines = [...stdout.toString().matchAll(/^(.+?) +(\d+) ns$/gm)];
  return new Map(lines.map(([, name = "", ns]) => [name, Number(ns)]));
}

/** Only lines that both know; throws when there are none. */
export async function decisionRatios(ours: string, base: string): Promise<Compared[]> {
  const ratios = new Map<string, number[]>();
  for (let pair = 0; pair < PAIRS; pair++) {
    // Who goes first changes, so that a machine that gets slower favours none of them.
    const first = benched(pair % 2 === 0 ? ours : base);
    const second = benched(pair % 2 === 0 ? base : ours);
    const [our, their] = pair % 2 === 0 ? [first, second] : [second, first];
    for (const [name, ns] of our) {
      const theirs = their.get(name);
      if (theirs !== undefined) ratios.set(name, [...(ratios.get(name) ?? []), ns / theirs]);
    }
  }
  if (ratios.size === 0) throw new Error(`both benches have no line "${SUBSET}"`);
  return [...ratios].map(([name, all]) => ({ name: `decision: ${name}`, ratios: all }));
}
