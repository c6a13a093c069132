import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProjectLevel } from "../../../../proto/gen/realmgate/v1/options_pb.ts";
import { EVERY_EVENT, type EventFilter } from "../event-records.ts";
import { SecretBox } from "../sealed.ts";
import type { Store } from "../store.ts";
import { openSqliteStore } from "./sqlite-store.ts";

/** Of one account. */
const EVENTS = 12_000;

let folder: string;
let store: Store;
let userId: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "realmgate-events-"));
  const path = join(folder, "realmgate.sqlite");
  store = openSqliteStore({
    path,
    box: new SecretBox(randomBytes(32), "documents"),
    now: Date.now,
  });
  await store.createFirstUser({ username: "ada", passwordHash: "" });
  userId = (await store.userForLogin({ username: "ada" }))?.id ?? "";
  await store.recordEvent({
    ...{ kind: "project.updated", code: null, attempted: null, actorId: userId },
    ...{ actorName: "ada", tokenId: null, ip: "192.0.2.1", requestId: "r", realmId: null },
    ...{ resourceKind: null, resourceId: null, fields: [], versionBefore: null },
    ...{ versionAfter: null, method: "PUT", path: "/x", status: 200 },
  });
  const database = new Database(path);
  const names = database
    .query<{ name: string }, []>("select name from pragma_table_info('events')")
    .all()
    .map(({ name }) => name)
    .filter((name) => name !== "sequence");
  const others: Readonly<Record<string, string>> = {
    id: "printf('%024x', i)",
    created_at: "printf('2026-01-01T00:00:%02d.%03dZ', (i / 1000) % 60, i % 1000)",
    kind: "case i % 4 when 0 then 'token.created' else kind end",
    status: "case i when 7 then 404 else 200 end",
  };
  const values = names.map((name) => others[name] ?? `e.${name}`);
  database.run(
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${EVENTS - 1})
     insert into events (${names.join(", ")}) select ${values.join(", ")} from n, (select * from events) e`,
  );
  database.close();
});

afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const viewer = () => ({
  scope: {
    ...{ userId, realmId: null, realms: [], confinedTo: null },
    level: ProjectLevel.READ,
  },
  tokenId: null,
  isOperator: false,
});

/** Runs work; answers how many pieces it measured, and in how many turns of the event loop it ran. */
async function watched<Result>(
  work: (measure: <Measured>(piece: () => Measured) => Measured) => Promise<Result>,
): Promise<{ result: Result; pieces: number; turns: number }> {
  let [pieces, turns, isOver] = [0, 0, false];
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const result = await work((piece) => {
    pieces++;
    return piece();
  });
  isOver = true;
  return { result, pieces, turns };
}

const filters: readonly (readonly [string, Partial<EventFilter>, number])[] = [
  ["that nothing passes", { minStatus: 599 }, 0],
  ["that one of the oldest passes", { minStatus: 404 }, 1],
  ["by status and method that nothing passes", { minStatus: 599, method: "DELETE" }, 0],
];

test.each(filters)("counting events by a filter %s lets others go on", async (_, filter, n) => {
  const query = { ...EVERY_EVENT, ...filter };
  const { result, pieces, turns } = await watched((measure) =>
    store.eventCounts(viewer(), query, measure),
  );
  expect(result.counts.reduce((sum, each) => sum + each.n, 0)).toBe(n);
  expect(pieces).toBeGreaterThan(10);
  expect(turns).toBeGreaterThan(4);
});

test.each(filters)("listing events by a filter %s lets others go on", async (_, filter, n) => {
  const page = { page: 1, limit: 20, sortBy: "created_at", sortOrder: "desc" } as const;
  const query = { ...EVERY_EVENT, ...filter, ...page };
  const { result, pieces, turns } = await watched((measure) =>
    store.events(viewer(), query, measure),
  );
  expect([result.items.length, result.total]).toEqual([n, n]);
  expect(pieces).toBeGreaterThan(10);
  expect(turns).toBeGreaterThan(4);
});

test("all are counted up to a limit, and listed in order over the borders of what is read at once", async () => {
  const { counts, newest } = await store.eventCounts(viewer(), EVERY_EVENT);
  expect(counts.reduce((sum, { n }) => sum + n, 0)).toBe(10_000);
  expect(new Set(counts.map(({ kind }) => kind))).toEqual(
    new Set(["project.updated", "token.created"]),
  );
  const page = { page: 1, limit: 100, sortBy: "created_at", sortOrder: "desc" } as const;
  const query = { ...EVERY_EVENT, ...page, offset: 1_950 };
  const { items } = await store.events(viewer(), query);
  const times = items.map(({ createdAt }) => createdAt);
  expect(new Set(items.map(({ id }) => id)).size).toBe(100);
  expect(times).toEqual(times.toSorted().toReversed());
  const first = await store.events(viewer(), { ...query, offset: 0, limit: 1 });
  expect(first.items.map(({ createdAt }) => createdAt)).toEqual([newest ?? ""]);
  // The newest was recorded; those behind it were made, one a millisecond.
  expect(times[0]).toBe(`2026-01-01T00:00:10.${String(EVENTS - 1_950 - 10_000).padStart(3, "0")}Z`);
});
