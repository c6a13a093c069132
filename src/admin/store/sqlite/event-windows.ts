// Events that a viewer may see, way by way in the order of time, and so many in each turn of the event loop: a filter may pass
// none of 100,000.
import { setImmediate } from "node:timers/promises";
import { and, type SQL, sql } from "drizzle-orm";
import type { Measure } from "../../../../proto/call.ts";
import { eventsCountedMax } from "../limits.ts";
import type { Reader } from "./database.ts";
import { sequenceOf } from "./page.ts";
import { events } from "./schema.ts";

/** What makes a viewer see events, with the index that has those in order. */
export type Way = readonly [index: string, way: SQL];

/** Events that are looked at in one turn; some 1 µs each. */
const WINDOW_ROWS = 2_000;

interface Border {
  readonly at: string;
  readonly sequence: number;
}

/** Conditions that split a way into windows, in order. `measure`: for the work of each. */
async function* windowsOf(
  reader: Reader,
  [index, way]: Way,
  isAscending: boolean,
  measure: Measure,
): AsyncGenerator<SQL> {
  const order = sql.raw(isAscending ? "asc" : "desc");
  const beyond = sql.raw(isAscending ? ">" : "<");
  const place = sql`(${events.createdAt}, ${sequenceOf(events)})`;
  for (let last: Border | undefined; ; ) {
    const rest =
      last === undefined ? way : sql`${way} and ${place} ${beyond} (${last.at}, ${last.sequence})`;
    const [border] = measure(() =>
      reader.all<Border>(
        sql`select ${events.createdAt} as at, ${sequenceOf(events)} as sequence from ${events} indexed by ${sql.raw(index)} where ${rest} order by ${events.createdAt} ${order}, ${sequenceOf(events)} ${order} limit 1 offset ${WINDOW_ROWS}`,
      ),
    );
    if (border === undefined) {
      yield rest;
      return;
    }
    yield sql`${rest} and not ${place} ${beyond} (${border.at}, ${border.sequence})`;
    last = border;
    await setImmediate();
  }
}

/** Of each way, up to `rows` events that match `all`, first ones first. `columns`: what is selected, `sequence` among it. */
export async function* matching<Row extends { readonly sequence: number }>(
  reader: Reader,
  ways: readonly Way[],
  all: SQL | undefined,
  { columns, rows, isAscending }: { columns: SQL; rows: number; isAscending: boolean },
  measure: Measure,
): AsyncGenerator<readonly Row[]> {
  const order = sql.raw(isAscending ? "asc" : "desc");
  for (const way of ways) {
    const index = sql.raw(way[0]);
    let left = rows;
    for await (const window of windowsOf(reader, way, isAscending, measure)) {
      const found = measure(() =>
        reader.all<Row>(
          sql`select ${columns} from ${events} indexed by ${index} where ${and(window, all)} order by ${events.createdAt} ${order}, ${sequenceOf(events)} ${order} limit ${left}`,
        ),
      );
      yield found;
      left -= found.length;
      if (left <= 0) break;
    }
  }
}

/** As many as match, of `eventsCountedMax` at most. */
export async function countUpTo(
  reader: Reader,
  ways: readonly Way[],
  all: SQL | undefined,
  measure: Measure,
): Promise<number> {
  const found = new Set<number>();
  const query = {
    columns: sql`${sequenceOf(events)} as sequence`,
    rows: eventsCountedMax,
    isAscending: false,
  };
  for await (const rows of matching(reader, ways, all, query, measure)) {
    for (const { sequence } of rows) found.add(sequence);
    if (found.size >= eventsCountedMax) return eventsCountedMax;
  }
  return found.size;
}

interface CountedEvent {
  readonly sequence: number;
  readonly kind: string;
  readonly resourceKind: string | null;
  readonly at: string;
}

/** The newest that match, `eventsCountedMax` at most, by kind and kind of resource. */
export async function countsByKind(
  reader: Reader,
  ways: readonly Way[],
  all: SQL | undefined,
  measure: Measure,
) {
  const found = new Map<number, CountedEvent>();
  const query = {
    columns: sql`${sequenceOf(events)} as sequence, ${events.kind} as kind, ${events.resourceKind} as resourceKind, ${events.createdAt} as at`,
    rows: eventsCountedMax,
    isAscending: false,
  };
  for await (const rows of matching<CountedEvent>(reader, ways, all, query, measure)) {
    for (const row of rows) found.set(row.sequence, row);
  }
  return measure(() => grouped(newest([...found.values()])));
}

function newest(found: readonly CountedEvent[]): readonly CountedEvent[] {
  if (found.length <= eventsCountedMax) return found;
  return found
    .toSorted((one, other) =>
      one.at < other.at ? 1 : one.at > other.at ? -1 : other.sequence - one.sequence,
    )
    .slice(0, eventsCountedMax);
}

function grouped(found: readonly CountedEvent[]) {
  const groups = new Map<string, { kind: string; resourceKind: string | null; times: string[] }>();
  for (const { kind, resourceKind, at } of found) {
    const key = JSON.stringify([kind, resourceKind]);
    const group = groups.get(key) ?? { kind, resourceKind, times: [] };
    group.times.push(at);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ kind, resourceKind, times }) => {
    const inOrder = times.toSorted();
    const [oldest = null] = inOrder;
    return { kind, resourceKind, n: times.length, oldest, newest: inOrder.at(-1) ?? null };
  });
}
