// What somebody else's lock, or a connection that cannot LISTEN, does not hold up.
import { afterAll, afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { Client } from "pg";
import { openPostgresStore } from "../../../src/admin/store/postgres/postgres-store.ts";
import { refuseRunning } from "../../../src/admin/store/postgres/refuse-running.ts";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import {
  openPostgresPlace,
  type PostgresPlace,
  stopPostgres,
} from "../../harness/postgres-store.ts";
import { scopeOf } from "../../harness/stage.ts";
import { until } from "../../harness/until.ts";

if (postgresBinaries === null) sayWithoutPostgres();

describe.skipIf(postgresBinaries === null)("a PostgreSQL store is not held up", () => {
  let place: PostgresPlace;

  beforeEach(async () => {
    place = await openPostgresPlace(Date.now);
  });

  afterEach(() => place[Symbol.asyncDispose]());

  afterAll(stopPostgres);

  test("by a call that counts at another key which is over, too", async () => {
    const { store } = place;
    for (const key of ["one", "other"]) await store.countShared(key, 0);
    const other = new Client({ connectionString: place.url });
    await other.connect();
    try {
      await other.query("begin");
      await other.query("select from realmgate.limits where key = 'other' for update");
      expect(await store.countShared("one", 60)).toMatchObject({ used: 1 });
      await other.query("commit");
      // Nothing holds it any more.
      await store.countShared("third", 60);
      const { rows } = await other.query("select key from realmgate.limits order by key");
      expect(rows).toEqual([{ key: "one" }, { key: "third" }]);
    } finally {
      await other.end();
    }
  });

  test("by calls of the API that take all connections: the feed has its own", async () => {
    const { url, box } = place;
    const store = await openPostgresStore({
      url,
      box,
      now: Date.now,
      poolMax: 2,
      timeoutMs: 60_000,
    });
    const other = new Client({ connectionString: url });
    await other.connect();
    try {
      await other.query("begin; lock table realmgate.users in access exclusive mode");
      const calls = [store.hasUsers(), store.hasUsers()];
      const held =
        "select from pg_locks where relation = 'realmgate.users'::regclass and not granted";
      await until(async () => (await other.query(held)).rows.length === 2, "both calls wait");
      let isAnswered = false;
      const waiting = store.head().then(() => {
        isAnswered = true;
      });
      const { revision, lineage } = await store.feed.head();
      expect(await store.feed.nodeProcesses()).toEqual([]);
      expect(await store.feed.changesAfter({ revision, lineage }, ["local"], true)).toMatchObject({
        revision,
      });
      expect(isAnswered).toBe(false);
      // The metrics tell why.
      expect(store.pools()).toMatchObject([
        { name: "api", busy: 2, idle: 0, waiting: 1 },
        { name: "feed", waiting: 0 },
      ]);
      await other.query("commit");
      await Promise.all([...calls, waiting]);
      expect(store.pools()[0]).toEqual({ name: "api", busy: 0, idle: 2, waiting: 0 });
    } finally {
      await other.end();
      await store.close();
    }
  });

  test("by maintenance that ran as it started: it shows that it runs afterwards", async () => {
    const { url, box } = place;
    const letGo = await refuseRunning({ url });
    const gate = await openPostgresStore({ url, box, now: Date.now });
    gate.onCommit(() => {});
    const isShown = async () => {
      const refused = await refuseRunning({ url }).catch((error: unknown) => String(error));
      if (typeof refused === "string") return refused.includes("a gate runs on this database");
      await refused();
      return false;
    };
    // It has looked by then, and did not get the lock.
    await Bun.sleep(300);
    await letGo();
    await until(isShown, "maintenance is refused");
    await gate.close();
  });

  test("by a connection that cannot LISTEN: it looks for commits of others", async () => {
    const { url, box, store } = place;
    const { query } = Client.prototype;
    const cut = spyOn(Client.prototype, "query").mockImplementation(function (
      this: Client,
      ...args: readonly unknown[]
    ) {
      if (String(args[0]).startsWith("listen ")) return Promise.reject(new Error("no LISTEN"));
      return Reflect.apply(query, this, args);
    } as never);
    const reader = await openPostgresStore({ url, box, now: Date.now });
    try {
      const heard: number[] = [];
      reader.onCommit((revision) => heard.push(revision));
      const ada = scopeOf(await place.addUser("ada"));
      await store.createProject(ada, {
        ...{ alias: "p", color: "#000", maxContainers: null, realmIds: [] },
      });
      const revision = await store.revision();
      await until(() => heard.includes(revision), "the commit is heard");
    } finally {
      cut.mockRestore();
      await reader.close();
    }
  });
});
