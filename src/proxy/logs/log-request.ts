// What a request asks of the logs program.

import type { EntryKind, EntryView } from "../../exchange-log/entry-view.ts";
import { type EntryFilter, EVERY_ENTRY, type LogLevel } from "../../exchange-log/log-entry.ts";

/** Filters and paging, as far as they are well-formed: what is not is as if it were not sent. */
export interface LogParameters {
  readonly filter: EntryFilter;
  readonly kind: EntryKind | "event" | null;
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
const LIMIT_MAX = 1_000;

const LEVELS: ReadonlySet<string> = new Set(["info", "warn", "error"]);
const KINDS: ReadonlySet<string> = new Set(["request", "response", "event"]);

export function parametersOf(query: string): LogParameters {
  const given = new URLSearchParams(query);
  const [kind, level, source] = [given.get("kind"), given.get("level"), given.get("source")];
  return {
    filter: {
      ...EVERY_ENTRY,
      method: given.get("method"),
      level: level !== null && LEVELS.has(level) ? (level as LogLevel) : null,
      fromProgram: source === "backend" ? true : source === "edge" ? false : null,
    },
    kind: kind !== null && KINDS.has(kind) ? (kind as LogParameters["kind"]) : null,
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

export function isOfKind({ kind }: EntryView, wanted: LogParameters["kind"]): boolean {
  return wanted === null || kind === wanted;
}

/** A whole number; null: none. */
export function numberOf(text: string | null): number | null {
  return text !== null && /^\d{1,16}$/.test(text) ? Number(text) : null;
}
