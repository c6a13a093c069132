// How much room the disks of an installation have.
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { reserveBytes } from "../admin/store/sqlite/disk-reserve.ts";
import type { Config } from "../config/config.ts";
import type { Instruments } from "../proxy/observe/instruments.ts";

/** Less than a write may need at times, with the log that goes before it. */
const bytesMin = 2 * reserveBytes;

/** The fullest disk of the data directory and the database, in bytes; null: it cannot be told. */
export function freeBytes({ dataDir, databasePath, postgres }: Config): number | null {
  const folders = postgres === null ? [dataDir, dirname(databasePath)] : [dataDir];
  try {
    return Math.min(
      ...folders.map((folder) => {
        const { bavail, bsize } = statfsSync(folder);
        return bavail * bsize;
      }),
    );
  } catch {
    return null;
  }
}

/** What a disk that is full means for a node with a database, and for one without. */
const MEANING = {
  store: "the API may refuse writes, except logins and what takes access away",
  proxy: "what is enforced may not be saved for the next start, nor who accessed what",
} as const;

/** For people: what a disk that is full, or nearly, means for the node. */
export function diskProblems(config: Config, kind: keyof typeof MEANING): readonly string[] {
  const free = freeBytes(config);
  if (free === null || free >= bytesMin) return [];
  return [`the disk of ${config.dataDir} is full (${free} bytes are free): ${MEANING[kind]}`];
}

/** Of the operators' listener. */
export function diskSeries(instruments: Instruments, config: Config): void {
  instruments.gauge(
    "realmgate_disk_free_bytes",
    "Bytes that are free on the disk of the data directory or of the database, whichever has fewer. -1: it cannot be told.",
    () => freeBytes(config) ?? -1,
  );
}
