import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { count, sql } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { SecretBox } from "../../../src/admin/store/sealed.ts";
import { containerStore } from "../../../src/admin/store/sqlite/containers.ts";
import { Database } from "../../../src/admin/store/sqlite/database.ts";
import { documentStore } from "../../../src/admin/store/sqlite/documents.ts";
import { memberStore } from "../../../src/admin/store/sqlite/members.ts";
import { projectStore } from "../../../src/admin/store/sqlite/projects.ts";
import * as schema from "../../../src/admin/store/sqlite/schema.ts";
import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { inRealm, scopeOf } from "../../harness/stage.ts";
import { projectConformance } from "../projects.ts";

projectConformance("the SQLite store", openSqlitePlace);

test("of a deleted project no row stays but those that tell of it", async () => {
  const box = new SecretBox(randomBytes(32), "documents");
  const db = new Database({ path: ":memory:", box, now: Date.now });
  for (const id of ["ada", "bob"]) {
    db.reader.run(sql`insert into users
      (id, username, password_hash, is_admin, session_generation, created_at, updated_at)
      values (${id}, ${id}, '', 0, 0, '', '')`);
  }
  db.reader.run(sql`insert into servers values ('s', 's', '')`);
  const scope = inRealm(scopeOf("ada"), "a".repeat(24));
  const fields = { alias: "p", color: "#000", maxContainers: null, realmIds: [] };
  const made = await projectStore(db).createProject(scope, fields);
  if (made === "duplicate") throw new Error(made);
  const projectId = made.project.id;
  await memberStore(db).addMember(scope, projectId, { userId: "bob", level: ProjectLevel.READ });
  const common = { color: "#000", comment: null, address: null, realmIds: [], programs: {} };
  const keys: { kind: "project" | "container"; id: string }[] = [
    { kind: "project", id: projectId },
  ];
  for (const name of ["one", "two"]) {
    const named = { ...common, projectId, serverId: "s", name };
    const held = await containerStore(db).createContainer(scope, named);
    if (typeof held === "string") throw new Error(held);
    keys.push({ kind: "container", id: held.container.id });
  }
  const document = {
    expected: 0,
    projectVersion: null,
    enableProxy: true,
    body: "{}",
    hooks: null,
  };
  for (const key of keys) await documentStore(db).putDocument(scope, key, document);

  await projectStore(db).deleteProject(scope, projectId);
  const rows = (table: SQLiteTable) => db.reader.select({ n: count() }).from(table).get()?.n;
  const { projects, projectRealms, members, containers, containerRealms } = schema;
  const { statusLogs, aliases, documents, changes } = schema;
  for (const table of [projects, projectRealms, members, containers, containerRealms]) {
    expect(rows(table)).toBe(0);
  }
  expect([statusLogs, aliases, documents].map(rows)).toEqual([0, 0, 0]);
  expect(rows(changes)).toBe(keys.length);
  db.close();
});
