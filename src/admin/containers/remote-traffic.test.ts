// Logs of several proxies, read as one: every entry once, in order, in either direction.
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { LogEntry } from "../../exchange-log/log-entry.ts";
import type { LogPage } from "../../exchange-log/log-reading.ts";
import { newestOf, oldestOf } from "./remote-traffic.ts";

const container = "c";
const entryOf = (node: number) => (id: number) =>
  ({ id, container, requestId: `${node}/${id}`, startedAtMs: id + node }) as LogEntry;

/** One proxy's log, as it is read: `looks` entries at most are looked at, of which the odd ones are for others. */
function pageOf(
  all: readonly LogEntry[],
  limit: number,
  looks: number,
  isForward: boolean,
): LogPage {
  const looked = all.slice(0, looks);
  const found = looked.filter(({ id }) => id % 3 !== 0);
  if (found.length > limit || (isForward && found.length === limit)) {
    return { entries: found.slice(0, limit), next: found[limit - 1]?.id ?? null };
  }
  const isEnd = looked.length === all.length;
  const last = looked.at(-1)?.id ?? null;
  if (isForward) return { entries: found, next: last ?? 0, isEnd };
  return { entries: found, next: isEnd ? null : last };
}

const ids = fc.uniqueArray(fc.integer({ min: 1, max: 200 }), { maxLength: 60 });

test.each([["newest"], ["oldest"]])("the %s first, page by page", (direction) => {
  const isForward = direction === "oldest";
  fc.assert(
    fc.property(
      fc.array(ids, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 20 }),
      (nodes, limit, looks) => {
        const logs = nodes.map((each, node) =>
          each.toSorted((one, other) => (isForward ? one - other : other - one)).map(entryOf(node)),
        );
        const walked: LogEntry[] = [];
        for (let at: number | null = null, pages = 0; ; pages++) {
          const after = (id: number) => at === null || (isForward ? id > at : id < at);
          const answers = logs.map((log) =>
            pageOf(
              log.filter(({ id }) => after(id)),
              limit,
              looks,
              isForward,
            ),
          );
          const merged = (isForward ? oldestOf : newestOf)(
            { answers, missing: [] },
            container,
            limit,
          );
          walked.push(...merged.entries);
          if (isForward ? merged.isEnd === true : merged.next === null) break;
          expect(pages).toBeLessThan(1_000);
          at = merged.next;
        }
        const wanted = logs.flat().filter(({ id }) => id % 3 !== 0);
        const order = wanted.toSorted(
          (one, other) => one.id - other.id || one.startedAtMs - other.startedAtMs,
        );
        const expected = isForward ? order : order.toReversed();
        expect(walked.map(({ requestId }) => requestId)).toEqual(
          expected.map(({ requestId }) => requestId),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test("a proxy tells of the container that it was asked about, and of no other", () => {
  const answers = [{ entries: [{ ...entryOf(0)(1), container: "other" }], next: null }];
  expect(newestOf({ answers, missing: ["a/b"] }, container, 9)).toEqual({
    ...{ entries: [], next: null, missing: ["a/b"] },
  });
});
