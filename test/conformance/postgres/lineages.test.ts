import { afterAll, expect, test } from "bun:test";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import { openPostgresPlace, postgres, stopPostgres } from "../../harness/postgres-store.ts";
import { scopeOf } from "../../harness/stage.ts";
import { lineageConformance } from "../lineages.ts";

const name = "the PostgreSQL store";

if (postgresBinaries === null) {
  sayWithoutPostgres();
  test.skip(`${name}: lineages`, () => {});
} else {
  afterAll(stopPostgres);

  lineageConformance(name, async (now) => {
    const server = await postgres();
    const place = await openPostgresPlace(now);
    const [, database] = /\/(\w+)\?/.exec(place.url) ?? [];
    let store = place.store;
    const admin = (text: string) => server.query(server.url("postgres"), text);
    const reopen = async () => {
      store = await place.reopen();
      return store;
    };
    return {
      ...place,
      reopen,
      async backUp() {
        await store.close();
        await admin(`create database copy_of_${database} template ${database}`);
        return reopen();
      },
      async restore() {
        await store.close();
        await admin(`drop database ${database}`);
        await admin(`alter database copy_of_${database} rename to ${database}`);
        return reopen();
      },
    };
  });

  test(`${name}: a server that was started anew goes on under another lineage, for all that write`, async () => {
    const server = await postgres();
    await using place = await openPostgresPlace(Date.now);
    const ada = scopeOf(await place.addUser("ada"));
    const write = async (alias: string) => {
      const made = await place.store.createProject(ada, {
        alias,
        color: "#000",
        maxContainers: null,
        realmIds: [],
      });
      if (typeof made === "string") throw new Error(made);
      return made;
    };
    const before = await write("before");
    await server.kill("SIGQUIT");
    await server.boot();
    await expect(place.store.changesAfter(before)).resolves.toMatchObject({ isAll: false });
    const after = await write("after");
    expect(after.revision).toBe(before.revision + 1);
    expect(after.lineage).not.toBe(before.lineage);
    expect((await write("again")).lineage).toBe(after.lineage);
    await expect(place.store.changesAfter(before)).resolves.toMatchObject({ isAll: false });
    const other = { revision: after.revision, lineage: before.lineage };
    await expect(place.store.changesAfter(other)).resolves.toMatchObject({ isAll: true });
  });
}
