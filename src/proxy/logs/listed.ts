// The answer to a request for a list of entries, in the documented shapes.
import { type EntryView, recentEntriesMax, viewOf } from "../../exchange-log/entry-view.ts";
import type { ExchangeLogReader } from "../../exchange-log/exchange-log.ts";
import { byArrival, EVERY_ENTRY, type LogEntry, passes } from "../../exchange-log/log-entry.ts";
import { isWanted, type LogParameters } from "./log-request.ts";

/** Reads for one list; each looks at a bounded number of entries. */
const TURNS_MAX = 5;

interface LogOf {
  readonly log: ExchangeLogReader;
  readonly container: string;
  /** Whether the container's log may be read once more now. */
  readonly mayRead: () => boolean;
}

interface Entries {
  readonly entries: readonly EntryView[];
  readonly total: number;
  readonly limit: number;
  readonly offset: number;
  /** Where older entries begin; null: there are none. Unset: the list was not asked for in pages. */
  readonly cursor?: number | null;
}

interface Listed {
  readonly body: Entries | readonly EntryView[];
  /** Of a list read forward: the last id that was looked at. */
  readonly nextId: number | null;
}

/** For statistics. */
export async function recentEntries(of: Omit<LogOf, "mayRead">): Promise<readonly LogEntry[]> {
  return (await recent(of)).entries;
}

export async function listed(of: LogOf, parameters: LogParameters): Promise<Listed> {
  const { limit, offset, last, afterId, withBodies } = parameters;
  if (afterId !== null) return forward(of, parameters, afterId);
  const { kept, next } = await backward(of, parameters);
  const total = kept.length;
  if (last !== null) {
    const newest = byArrival(kept).slice(0, Math.min(last, recentEntriesMax)).map(viewOf);
    const body = withBodies ? { entries: newest, total, limit, offset } : newest.reverse();
    return { body, nextId: null };
  }
  const shown = kept.slice(offset, offset + limit);
  const isCut = total > offset + limit;
  const cursor = isCut ? (shown.at(-1)?.id ?? next) : next;
  const body = { entries: byArrival(shown).map(viewOf), total, limit, offset, cursor };
  return { body, nextId: null };
}

async function forward(of: LogOf, parameters: LogParameters, afterId: number): Promise<Listed> {
  const { filter, limit, offset, withBodies, isForNothing } = parameters;
  const entries: EntryView[] = [];
  let nextId = afterId;
  for (let turn = 0; !isForNothing && entries.length < limit && goesOn(of, turn); turn++) {
    const query = { container: of.container, filter, limit: limit - entries.length };
    const page = await of.log.oldest(query, nextId);
    entries.push(...page.entries.map(viewOf).filter((view) => isWanted(view, parameters)));
    nextId = page.next ?? nextId;
    if (page.isEnd === true) break;
  }
  const body = withBodies ? { entries, total: entries.length, limit, offset } : entries;
  return { body, nextId };
}

interface Backward {
  /** Of those that were looked at. */
  readonly kept: readonly LogEntry[];
  readonly next: number | null;
}

/** The newest entries of all; after a cursor, those before it until a page is full. */
async function backward(of: LogOf, parameters: LogParameters): Promise<Backward> {
  const { filter, cursor, limit, offset, isForNothing } = parameters;
  if (isForNothing) return { kept: [], next: null };
  const isKept = (entry: LogEntry) => isWanted(viewOf(entry), parameters);
  if (cursor === null) {
    const { entries, next } = await recent(of);
    return { kept: entries.filter((entry) => passes(entry, filter) && isKept(entry)), next };
  }
  const kept: LogEntry[] = [];
  let next: number | null = cursor;
  for (let turn = 0; next !== null && kept.length < offset + limit && goesOn(of, turn); turn++) {
    const query = { container: of.container, filter, limit: recentEntriesMax };
    const page = await of.log.newest(query, next);
    kept.push(...page.entries.filter(isKept));
    next = page.next;
  }
  return { kept, next };
}

/** The first turn is the request's own; each further one counts as another read. */
function goesOn({ mayRead }: LogOf, turn: number): boolean {
  return turn === 0 || (turn < TURNS_MAX && mayRead());
}

function recent({ log, container }: Omit<LogOf, "mayRead">) {
  return log.newest({ container, filter: EVERY_ENTRY, limit: recentEntriesMax }, null);
}
