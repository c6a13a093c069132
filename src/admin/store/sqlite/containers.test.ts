import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { ProjectLevel } from "../../../../proto/gen/realmgate/v1/options_pb.ts";
import { containerWriteConformance } from "../../../../test/conformance/container-writes.ts";
import { openSqlitePlace } from "../../../../test/conformance/sqlite-place.ts";

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
  await using place = await openSqlitePlace(Date.now);
  const { store, path } = place;
  await store.createFirstUser({ username: "ada", passwordHash: "" });
  const userId = (await store.userForLogin({ username: "ada" }))?.id ?? "";
  const level = ProjectLevel.DELETE;
  const scope = { userId, realmId: null, realms: [], confinedTo: null, level };
  const serverId = (await store.registerServer("local")).id;
  const color = "#000";
  const project = { alias: "p", color, maxContainers: null, realmIds: [] };
  const made = await store.createProject(scope, project);
  if (made === "duplicate") throw new Error(made);
  const projectId = made.project.id;
  const realmIds = ["a".repeat(24)];
  const box = { name: "box", color, comment: null, address: null, programs: {}, realmIds };
  const held = await store.createContainer(scope, { ...box, projectId, serverId });
  if (typeof held === "string") throw new Error(held);
  const { id } = held.container;
  const document = { expected: 0, projectVersion: null, enableProxy: true };
  await store.putDocument(
    scope,
    { kind: "container", id },
    { ...document, body: "{}", hooks: "{}" },
  );
  await store.createAlias(scope, {
    containerId: id,
    alias: "shop",
    program: "files",
    instance: 1,
    targetPath: null,
    allowPathOverride: true,
    expiresAt: null,
    enabled: true,
  });
  expect(tablesWith(path, id)).toEqual([
    "aliases",
    "changes",
    "container_realms",
    "containers",
    "documents",
    "status_logs",
  ]);
  await store.deleteContainer(scope, id);
  expect(tablesWith(path, id)).toEqual(["changes"]);
});
