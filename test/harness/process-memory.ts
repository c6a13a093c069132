// What lies in the memory of another process: every page that it may write and that is there.
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const pageBytes = 4096;
/** Pages whose entries are read at a time; a run of pages is read in one go up to this. */
const pagesMax = 1024;

/** For each of the needles whether it is somewhere there. One that crosses a page that is not there is not found. */
export function memoryHolds(pid: number, needles: readonly Buffer[]): boolean[] {
  const found = needles.map(() => false);
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const pages = openSync(`/proc/${pid}/pagemap`, "r");
  try {
    for (const [start, end] of regionsOf(pid)) {
      for (const [from, to] of presentRuns(pages, start, end)) {
        const bytes = Buffer.alloc(to - from);
        try {
          const held = bytes.subarray(0, readSync(memory, bytes, 0, bytes.length, from));
          needles.forEach((needle, n) => {
            found[n] ||= held.includes(needle);
          });
        } catch {
          // It went away meanwhile.
        }
      }
    }
  } finally {
    closeSync(memory);
    closeSync(pages);
  }
  return found;
}

/** Regions that may be written and have any page. */
function* regionsOf(pid: number): Generator<readonly [start: number, end: number]> {
  let region: readonly [number, number] | null = null;
  for (const line of readFileSync(`/proc/${pid}/smaps`, "utf8").split("\n")) {
    const [, from, to, mode] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
    if (from !== undefined && to !== undefined) {
      const range = [Number.parseInt(from, 16), Number.parseInt(to, 16)] as const;
      region = mode?.startsWith("rw") ? range : null;
    }
    if (region !== null && /^Rss: +[1-9]/.test(line)) yield region;
  }
}

function* presentRuns(
  pages: number,
  start: number,
  end: number,
): Generator<readonly [from: number, to: number]> {
  const entries = Buffer.alloc(8 * pagesMax);
  for (let at = start; at < end; at += pagesMax * pageBytes) {
    const count = Math.min(pagesMax, (end - at) / pageBytes);
    const read = readSync(pages, entries, 0, 8 * count, (at / pageBytes) * 8);
    let from = -1;
    for (let page = 0; page <= read / 8; page++) {
      // Bit 63: it is in memory.
      const isPresent = page < read / 8 && (entries[8 * page + 7] ?? 0) >= 0x80;
      if (isPresent && from === -1) from = page;
      if (isPresent || from === -1) continue;
      yield [at + from * pageBytes, at + page * pageBytes];
      from = -1;
    }
  }
}
