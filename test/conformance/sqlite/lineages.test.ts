import { Database } from "bun:sqlite";
import { copyFileSync, rmSync } from "node:fs";
import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { lineageConformance } from "../lineages.ts";

lineageConformance("the SQLite store", async (now) => {
  const place = await openSqlitePlace(now);
  const { path } = place;
  let store = place.store;
  const reopen = async () => {
    store = await place.reopen();
    return store;
  };
  return {
    ...place,
    reopen,
    async backUp() {
      const file = new Database(path);
      file.run("VACUUM INTO ?", [`${path}.copy`]);
      file.close();
      return reopen();
    },
    async restore() {
      await store.close();
      for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
      copyFileSync(`${path}.copy`, path);
      return reopen();
    },
  };
});
