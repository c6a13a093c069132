// Logs of several proxies, read as one: every entry once, in order, in either direction.
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { LogEntry } from "../../exchange-log/log-entry.ts";
import type { LogPage } from "../../exchange-log/log-reading.ts";
import { endedBy } from "./connection-service.ts";
import { HOLD_MS, newestOf, oldestOf, RemoteTraffic } from "./remote-traffic.ts";

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
          const gathered = { answers, missing: [] };
          const merged: LogPage = isForward
            ? oldestOf(gathered, { container, limit }, at ?? 0, Date.now())
            : newestOf(gathered, container, limit);
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

describe("a log of several proxies, followed while they write", () => {
  const NOW_MS = Date.UTC(2026, 0, 1);
  const idAt = (ms: number) => (NOW_MS + ms) * 1_000;

  test("has the entries of one whose ids are smaller", () => {
    const end = (id: number) => ({ entries: [entryOf(0)(id)], next: id, isEnd: true });
    const answers = [end(idAt(2_000)), end(idAt(900))];
    const query = { container, limit: 9 };
    const page = oldestOf({ answers, missing: [] }, query, 0, NOW_MS + 2_000);
    expect(page.next).toBeLessThan(idAt(900));
    const later = oldestOf({ answers, missing: [] }, query, 0, NOW_MS + 2_000 + HOLD_MS);
    expect(later.entries.map(({ id }) => id)).toEqual([idAt(900), idAt(2_000)]);
  });

  test("never goes back behind the place that was asked for", () => {
    const answers = [1, 2].map(() => ({ entries: [], next: idAt(0), isEnd: true }));
    const page = oldestOf({ answers, missing: [] }, { container, limit: 9 }, idAt(0), NOW_MS);
    expect(page).toMatchObject({ entries: [], next: idAt(0) });
  });

  test("waits for one that does not answer, as for the others", () => {
    const answers = [{ entries: [entryOf(0)(idAt(0))], next: idAt(0), isEnd: true }];
    const of = (missing: string[]) =>
      oldestOf({ answers, missing }, { container, limit: 9 }, 0, NOW_MS).entries.length;
    expect([of([]), of(["a/b"])]).toEqual([1, 0]);
  });

  test("has each entry once, whoever stored it and however late", () => {
    const tick = fc.record({
      node: fc.nat({ max: 2 }),
      stepMs: fc.nat({ max: 4_000 }),
      lagMs: fc.nat({ max: HOLD_MS - 1 }),
      isRead: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(tick, { maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        (ticks, limit) => {
          const logs: LogEntry[][] = [[], [], []];
          const followed: LogEntry[] = [];
          let nowMs = 0;
          let after = 0;
          const read = () => {
            const answers = logs.map((log): LogPage => {
              const page = pageOf(
                log.filter(({ id }) => id > after),
                limit,
                limit + 2,
                true,
              );
              return { ...page, next: Math.max(after, page.next ?? 0) };
            });
            const query = { container, limit };
            const page = oldestOf({ answers, missing: [] }, query, after, NOW_MS + nowMs);
            followed.push(...page.entries);
            expect(page.next).toBeGreaterThanOrEqual(after);
            after = page.next ?? 0;
            return page.isEnd;
          };
          for (const { node, stepMs, lagMs, isRead } of ticks) {
            nowMs += stepMs;
            const log = logs[node] ?? [];
            const id = Math.max((log.at(-1)?.id ?? 0) + 1, idAt(nowMs - lagMs));
            log.push(entryOf(node)(id));
            if (isRead) read();
          }
          nowMs += 2 * HOLD_MS;
          while (read() === false);
          const wanted = logs.flat().filter(({ id }) => id % 3 !== 0);
          const names = (entries: LogEntry[]) =>
            entries.map(({ requestId }) => requestId).toSorted();
          expect(names(followed)).toEqual(names(wanted));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("ending what a group let in", () => {
  const process = (name: string) => ({ nodeId: "n", process: name, servers: ["local"] });

  /** One of two proxies answers. */
  function halfHeard(answer: number) {
    const traffic = new RemoteTraffic();
    traffic.start({
      questions: { ask: async () => [{ node: "n", process: "one", answer }] as never },
      store: {
        nodeProcesses: async () => [process("one"), process("two")] as never,
        nodes: async () => [{ id: "n", name: "east" }] as never,
      },
    });
    return traffic.connections("local");
  }

  test("is refused where there was none and not all answered", async () => {
    const done = Promise.resolve(halfHeard(0).endOfGroup(container, "office")).then(endedBy);
    expect(await done.catch((error) => error.code)).toBe(ErrorCode.PROXY_UNREACHABLE);
  });

  test("says how many there were, and who did not answer", async () => {
    expect(await halfHeard(2).endOfGroup(container, "office")).toEqual({
      ...{ ended: 2, missing: ["east/two"] },
    });
  });
});

test("a control plane that has just begun says so, and not that nobody was there", async () => {
  const traffic = new RemoteTraffic();
  const asked = [
    traffic.connections("local").list(container, null, 1, "account"),
    traffic.connections("local").endOfGroup(container, "office"),
  ].map((each) => Promise.resolve(each).catch((error) => error));
  for (const answer of await Promise.all(asked)) {
    expect(answer).toMatchObject({
      code: ErrorCode.PROXY_UNREACHABLE,
      violations: [{ message: "this control plane has just begun" }],
    });
  }
});
