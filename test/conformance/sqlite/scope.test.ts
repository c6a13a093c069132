// How scopes are looked up: never by looking at everybody's rows.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { and, count, desc, eq, type SQL, sql } from "drizzle-orm";
import type { Scope } from "../../../src/admin/store/records.ts";
import { SecretBox } from "../../../src/admin/store/sealed.ts";
import { Database } from "../../../src/admin/store/sqlite/database.ts";
import { containers, projects } from "../../../src/admin/store/sqlite/schema.ts";
import {
  containerInScope,
  containersInScope,
  projectInScope,
  projectsInScope,
} from "../../../src/admin/store/sqlite/scope.ts";
import { scopeOf } from "../../harness/stage.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const id = "0".repeat(24);
let db: Database;

beforeAll(async () => {
  const box = new SecretBox(randomBytes(32), "documents");
  db = new Database({ path: ":memory:", box, now: Date.now });
  await db.transaction((tx) => {
    tx.run(sql`insert into users (id, username, password_hash, is_admin, session_generation, created_at, updated_at)
      values ('u', 'u', '', 0, 0, '', '')`);
    // Realm B is too large to be looked through.
    const numbers = sql`with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000)`;
    tx.run(sql`${numbers} insert into projects (id, user_id, alias, color, created_at, updated_at)
      select i, 'u', i, '#000', '', '' from n`);
    tx.run(sql`${numbers} insert into project_realms select i, ${B} from n`);
    tx.run(sql`insert into servers values ('s', 's', '')`);
    tx.run(sql`${numbers} insert into containers (id, project_id, server_id, name, color, status, programs, created_at, updated_at)
      select i, i, 's', 'box', '#000', 'running', '{}', '', '' from n`);
    tx.run(sql`${numbers} insert into container_realms select i, ${B} from n`);
  });
});

afterAll(() => db.close());

/** The steps of a query, as SQLite plans it. */
function planOf(query: { getSQL(): SQL }): string[] {
  const rows = db.reader.values<[number, number, number, string]>(
    sql`explain query plan ${query.getSQL()}`,
  );
  return rows.map((row) => row[3]);
}

const scopes: [string, Scope][] = [
  ["everything of a user", scopeOf(id)],
  ["a realm", { ...scopeOf(id), realms: [A] }],
  ["a large realm", { ...scopeOf(id), realms: [B] }],
  ["two realms", { ...scopeOf(id), realms: [A, B] }],
  ["two realms, the first large", { ...scopeOf(id), realms: [B, A] }],
];

/** A query of containers, joined with their projects. */
function ofContainers() {
  return db.reader
    .select()
    .from(containers)
    .innerJoin(projects, eq(projects.id, containers.projectId));
}

test.each(scopes)("no table is read through for %s", (_what, scope) => {
  const { reader } = db;
  const listed = projectsInScope(reader, scope);
  const held = containersInScope(reader, scope);
  const queries = [
    reader
      .select()
      .from(projects)
      .where(and(eq(projects.id, id), projectInScope(reader, scope))),
    reader.select().from(projects).where(listed).orderBy(desc(projects.createdAt)).limit(10),
    reader.select({ n: count() }).from(projects).where(listed),
    ofContainers().where(and(eq(containers.id, id), containerInScope(reader, scope))),
    ofContainers().where(held).orderBy(desc(containers.createdAt)).limit(10),
    ofContainers().where(and(held, eq(containers.projectId, id))),
  ];
  for (const query of queries) {
    const plan = planOf(query);
    expect(plan.filter((step) => step.startsWith("SCAN"))).toEqual([]);
    expect(plan.filter((step) => step.startsWith("SEARCH")).length).toBeGreaterThan(0);
  }
});

test("a list goes by the user where the realm is large, and by the realm where it is not", () => {
  const first = (realmId: string) => {
    const where = projectsInScope(db.reader, { ...scopeOf(id), realms: [realmId] });
    return planOf(db.reader.select().from(projects).where(where)).join("\n");
  };
  expect(first(A)).toContain("project_realms_by_realm");
  expect(first(A)).not.toMatch(/projects_by_(user|alias)/);
  expect(first(B)).toMatch(/projects_by_(user|alias)/);
  expect(first(B)).not.toContain("project_realms_by_realm");
});

test("one project is found without a look at what else its user has", () => {
  const where = and(eq(projects.id, id), projectInScope(db.reader, scopeOf(id)));
  expect(planOf(db.reader.select().from(projects).where(where))).toEqual([
    "SEARCH projects USING INDEX sqlite_autoindex_projects_1 (id=?)",
    expect.stringContaining("CORRELATED"),
    "SEARCH members USING INDEX members_by_project (project_id=? AND user_id=?)",
  ]);
});
