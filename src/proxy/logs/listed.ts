// The answer to a request for a list of entries, in the documented shapes.
import { type EntryView, viewOf } from "../../exchange-log/entry-view.ts";
import type { ExchangeLogReader, RecentReader } from "../../exchange-log/exchange-log.ts";
import { byArrival, type LogEntry } from "../../exchange-log/log-entry.ts";
import { type LogPage, RECENT_MAX, type RecentPage } from "../../exchange-log/log-reading.ts";
import { LIMIT_MAX, type LogParameters } from "./log-request.ts";

/** Reads for one list; each looks at a bounded number of entries. */
const TURNS_MAX = 5;

interface LogOf {
  readonly log: ExchangeLogReader & RecentReader;
  readonly container: string;
  /** Whose it is. */
  readonly account: string;
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

export async function listed(of: LogOf, parameters: LogParameters): Promise<Listed> {
  const { limit, offset, last, afterId, withBodies } = parameters;
  if (afterId !== null) return forward(of, parameters, afterId);
  if (last !== null) {
    const { entries, total } = await recent(of, parameters, 0, Math.min(last, LIMIT_MAX));
    const newest = byArrival(entries).map(viewOf);
    const body = withBodies ? { entries: newest, total, limit, offset } : newest.reverse();
    return { body, nextId: null };
  }
  const { entries, total, next } = await backward(of, parameters);
  const body = { entries: byArrival(entries).map(viewOf), total, limit, offset, cursor: next };
  return { body, nextId: null };
}

async function forward(of: LogOf, parameters: LogParameters, afterId: number): Promise<Listed> {
  const { filter, limit, offset, withBodies, isForNothing } = parameters;
  const entries: EntryView[] = [];
  let nextId = afterId;
  for (let turn = 0; !isForNothing && entries.length < limit && goesOn(of, turn); turn++) {
    const { container, account } = of;
    const query = { container, account, filter, limit: limit - entries.length };
    const page = await of.log.oldest(query, nextId);
    entries.push(...page.entries.map(viewOf));
    nextId = page.next ?? nextId;
    if (page.isEnd === true) break;
  }
  const body = withBodies ? { entries, total: entries.length, limit, offset } : entries;
  return { body, nextId };
}

/** The newest entries of all; after a cursor, those before it until a page is full. */
async function backward(of: LogOf, parameters: LogParameters): Promise<RecentPage> {
  const { filter, cursor, limit, offset, isForNothing } = parameters;
  if (cursor === null) return recent(of, parameters, offset, limit);
  const { container, account } = of;
  const entries: LogEntry[] = [];
  let skip = Math.min(offset, RECENT_MAX);
  let total = 0;
  let next: number | null = isForNothing ? null : cursor;
  const isFull = () => skip === 0 && entries.length >= limit;
  for (let turn = 0; next !== null && !isFull() && goesOn(of, turn); turn++) {
    const query = { container, account, filter, skip, limit: limit - entries.length };
    const page: LogPage = await of.log.newest(query, next);
    const { skipped = 0 } = page;
    entries.push(...page.entries);
    skip -= skipped;
    total += skipped + page.entries.length;
    next = page.next;
  }
  return { entries, total, next };
}

/** The first turn is the request's own; each further one counts as another read. */
function goesOn({ mayRead }: LogOf, turn: number): boolean {
  return turn === 0 || (turn < TURNS_MAX && mayRead());
}

async function recent(
  { log, container, account }: LogOf,
  { filter, isForNothing }: LogParameters,
  offset: number,
  limit: number,
): Promise<RecentPage> {
  if (isForNothing) return { entries: [], total: 0, next: null };
  return log.recent({ container, account, filter, offset, limit });
}
