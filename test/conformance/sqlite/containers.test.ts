import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { A, Stage } from "../../harness/stage.ts";
import { containerWriteConformance } from "../container-writes.ts";

containerWriteConformance("the SQLite store", openSqlitePlace);

/** The tables that have a text in any column. */
function tablesWith(path: string, text: string): string[] {
  const file = new Database(path, { readonly: true, strict: true });
  const tables = file.query("select name from sqlite_schema where type = 'table'").all() as {
    name: string;
  }[];
  const found = tables.filter(({ name }) => {
    const rows = file.query(`select * from "${name}"`).all() as object[];
    return rows.some((row) => Object.values(row).includes(text));
  });
  file.close();
  return found.map(({ name }) => name).sort();
}

test("of a deleted container no table has a row but the one that tells of it", async () => {
  const place = await openSqlitePlace(Date.now);
  await using stage = await Stage.open(async () => place);
  const { store, ada } = stage;
  const project = await stage.project(ada);
  const { id } = await stage.container(ada, project.id, { realmIds: [A] });
  const document = { expected: 0, projectVersion: null, enableProxy: true };
  await store.putDocument(ada, { kind: "container", id }, { ...document, body: "{}", hooks: "{}" });
  await store.createAlias(ada, {
    containerId: id,
    alias: "shop",
    program: "files",
    instance: 1,
    targetPath: null,
    allowPathOverride: true,
    expiresAt: null,
    enabled: true,
  });
  expect(tablesWith(place.path, id)).toEqual([
    "aliases",
    "changes",
    "container_realms",
    "containers",
    "documents",
    "status_logs",
  ]);
  await store.deleteContainer(ada, id);
  expect(tablesWith(place.path, id)).toEqual(["changes"]);
});
