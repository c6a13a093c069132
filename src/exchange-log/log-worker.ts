// The thread of the log: everything that reads or writes the file, so that no request waits for a disk.
import { existsSync, renameSync } from "node:fs";
import { LogDatabase } from "./log-database.ts";
import type { Asked, LogAnswer, LogRequest, Told } from "./log-messages.ts";
import { newestFirst, oldestFirst, recent, recentStats } from "./log-reading.ts";
import { EarlierFormat } from "./log-schema.ts";

declare const self: Worker;

/** How often it is looked for entries that are too old, in milliseconds. */
const LOOK_MS = 60_000;
/** How long other work may go before the next part of them is removed. */
const PAUSE_MS = 50;

let db: LogDatabase | null = null;
let look: ReturnType<typeof setTimeout> | null = null;

self.onmessage = ({ data: { number, request } }: MessageEvent<Asked>) => {
  let told: Told;
  try {
    told = { number, answer: answered(request) };
  } catch (error) {
    told = { number, error: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(told);
};

function answered(request: LogRequest): LogAnswer {
  switch (request.kind) {
    case "open":
      db = opened(request);
      removeOld();
      return null;
    case "append":
      return open().append(request.batches);
    case "newest":
      return newestFirst(open(), request.query, request.before);
    case "oldest":
      return oldestFirst(open(), request.query, request.after);
    case "recent":
      return recent(open(), request.query);
    case "stats":
      return recentStats(open(), request.container);
    case "close":
      if (look !== null) clearTimeout(look);
      db?.close();
      db = null;
      return null;
  }
}

function open(): LogDatabase {
  if (db === null) throw new Error("the exchange log is not open");
  return db;
}

/** A damaged file, or one of an earlier format, is set aside, and a new one begun. */
function opened({ path, limits }: Extract<LogRequest, { kind: "open" }>): LogDatabase {
  try {
    return new LogDatabase(path, limits);
  } catch (error) {
    const name = nameAside(error);
    if (name === null) throw error;
    for (const end of ["", "-wal", "-shm"]) {
      if (existsSync(path + end)) renameSync(path + end, `${path}.${name}${end}`);
    }
    return new LogDatabase(path, limits);
  }
}

/** Null: the file stays where it is. */
function nameAside(error: unknown): string | null {
  if (error instanceof EarlierFormat) return `format-${error.format}`;
  const message = error instanceof Error ? error.message : "";
  return /malformed|not a database/.test(message) ? "damaged" : null;
}

function removeOld(): void {
  let more = false;
  try {
    more = db?.removeOld(Date.now()) ?? false;
  } catch {
    // Another process holds the file, or the disk is full: the next look comes.
  }
  look = setTimeout(removeOld, more ? PAUSE_MS : LOOK_MS);
}
