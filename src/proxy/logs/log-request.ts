// What a request asks of the logs program.

import { type EntryFilter, EVERY_ENTRY, type LogLevel } from "../../exchange-log/log-entry.ts";

/** Filters and paging. A number that is none is as if it were not sent; a filter that names nothing known lets nothing through. */
export interface LogParameters {
  readonly filter: EntryFilter;
  /** A filter names a level, kind or source that no entry has. */
  readonly isForNothing: boolean;
  readonly limit: number;
  readonly offset: number;
  /** The newest so many; null: not asked for. */
  readonly last: number | null;
  /** Entries after the one with this id; null: not asked for. */
  readonly afterId: number | null;
  /** Entries before the one with this id; null: not asked for. */
  readonly cursor: number | null;
  /** Bodies were asked for: there are none, but the answer has another shape. */
  readonly withBodies: boolean;
}

const LIMIT = 200;
export const LIMIT_MAX = 1_000;

const LEVELS: ReadonlySet<string> = new Set(["info", "warn", "error"]);
const KINDS: ReadonlySet<string> = new Set(["request", "response"]);
const SOURCES: ReadonlySet<string> = new Set(["backend", "edge"]);

export function parametersOf(query: string): LogParameters {
  const given = new URLSearchParams(query);
  const named = (name: string) => given.get(name) || null;
  const [kind, level, source] = [named("kind"), named("level"), named("source")];
  return {
    filter: {
      ...EVERY_ENTRY,
      method: given.get("method"),
      level: level !== null && LEVELS.has(level) ? (level as LogLevel) : null,
      fromProgram: source === null ? null : source === "backend",
      isAnswered: kind === null ? null : kind === "response",
    },
    isForNothing: isUnknown(LEVELS, level) || isUnknown(KINDS, kind) || isUnknown(SOURCES, source),
    limit: Math.min(LIMIT_MAX, numberOf(given.get("limit")) ?? LIMIT),
    offset: numberOf(given.get("offset")) ?? 0,
    last: numberOf(given.get("last")),
    afterId: numberOf(given.get("afterId")),
    cursor: numberOf(given.get("cursor")),
    withBodies: ["includeRequestBody", "includeResponseBody"].some(
      (name) => given.get(name) === "true",
    ),
  };
}

function isUnknown(known: ReadonlySet<string>, value: string | null): boolean {
  return value !== null && !known.has(value);
}

/** A whole number; null: none. */
export function numberOf(text: string | null): number | null {
  return text !== null && /^\d{1,16}$/.test(text) ? Number(text) : null;
}
