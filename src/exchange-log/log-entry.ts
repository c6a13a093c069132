// One exchange as the log keeps it: who asked for what, and what came of it. Holds no credential and no query.

/** How the exchange ended. */
export type EntryEnd = "complete" | "client_gone" | "broken" | "revoked" | "stalled";

/** What is logged of an exchange that is over. */
export interface LoggedExchange {
  /** 24 hex digits. */
  readonly requestId: string;
  /** The client's trace id; null: none. */
  readonly traceId: string | null;
  /** Unix milliseconds. */
  readonly startedAtMs: number;
  /** Milliseconds. */
  readonly durationMs: number;
  readonly method: string;
  /** Without the query; at most 1,025 characters. */
  readonly path: string | null;
  readonly program: string;
  readonly instance: number;
  readonly alias: string | null;
  readonly hook: string | null;
  /** Null: the client was gone before there was a response. */
  readonly status: number | null;
  readonly reason: string;
  /** Names of the groups that granted it, at most 16; null: no group did. */
  readonly groups: readonly string[] | null;
  /** `sub` of the JWT, or the user name, that a group verified; null: none. */
  readonly subject: string | null;
  /** The client's address. */
  readonly client: string;
  /** Bytes of the response body that the program sent; null: the gate answered. */
  readonly bytes: number | null;
  readonly end: EntryEnd;
}

/** A logged exchange as it is read. */
export interface LogEntry extends LoggedExchange {
  /** Rises within its container; says nothing about others. */
  readonly id: number;
  readonly project: string;
  readonly container: string;
}

/**
 * In the order in which they arrived, the newest first. Ids rise with the second in which entries were stored: within it, those of
 * several processes, and of requests that were refused and let through, stand one after the other.
 */
export function byArrival(entries: readonly LogEntry[]): LogEntry[] {
  return entries.toSorted((one, other) => other.startedAtMs - one.startedAtMs || other.id - one.id);
}

/** `error`: 5xx, `warn`: 4xx, `info`: every other. */
export type LogLevel = "info" | "warn" | "error";

/** What must hold for an entry; null: anything. */
export interface EntryFilter {
  readonly requestId: string | null;
  readonly reason: string | null;
  readonly group: string | null;
  readonly client: string | null;
  readonly method: string | null;
  readonly statusMin: number | null;
  readonly statusMax: number | null;
  readonly level: LogLevel | null;
  /** Whether the program answered. */
  readonly fromProgram: boolean | null;
  /** Whether there was a response. */
  readonly isAnswered: boolean | null;
  /** Unix milliseconds at which the request arrived, both included. */
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
}

export const EVERY_ENTRY: EntryFilter = Object.freeze({
  requestId: null,
  reason: null,
  group: null,
  client: null,
  method: null,
  statusMin: null,
  statusMax: null,
  level: null,
  fromProgram: null,
  isAnswered: null,
  sinceMs: null,
  untilMs: null,
});

export function levelOf(status: number | null): LogLevel {
  return status === null || status < 400 ? "info" : status < 500 ? "warn" : "error";
}

export function passes(entry: LogEntry, filter: EntryFilter): boolean {
  const { status } = entry;
  return (
    isWanted(filter.requestId, entry.requestId) &&
    isWanted(filter.reason, entry.reason) &&
    isWanted(filter.client, entry.client) &&
    isWanted(filter.method, entry.method) &&
    isWanted(filter.level, levelOf(status)) &&
    isWanted(filter.fromProgram, entry.bytes !== null) &&
    isWanted(filter.isAnswered, status !== null) &&
    (filter.group === null || (entry.groups ?? []).includes(filter.group)) &&
    isBetween(status, filter.statusMin, filter.statusMax) &&
    isBetween(entry.startedAtMs, filter.sinceMs, filter.untilMs)
  );
}

function isWanted<Value>(wanted: Value | null, value: Value): boolean {
  return wanted === null || wanted === value;
}

function isBetween(value: number | null, min: number | null, max: number | null): boolean {
  if (min === null && max === null) return true;
  return value !== null && (min === null || value >= min) && (max === null || value <= max);
}
