// A database of any version before this one opens, and nothing that was in it is lost.
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { migrate } from "drizzle-orm/bun-sqlite/migrator";
import { ProjectLevel } from "../../../../proto/gen/realmgate/v1/options_pb.ts";
import type { Scope } from "../records.ts";
import { SecretBox } from "../sealed.ts";
import journal from "./migrations/meta/_journal.json";
import { openSqliteStore } from "./sqlite-store.ts";

const box = new SecretBox(randomBytes(32), "documents");
const body = '{"groups":{},"permissions":{},"default":"deny"}';
const time = "2026-01-01T00:00:00.000Z";
const scope: Scope = {
  userId: "u",
  realmId: null,
  realms: [],
  confinedTo: null,
  level: ProjectLevel.DELETE,
};

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "realmgate-migrations-"));
  path = join(folder, "realmgate.sqlite");
});

afterEach(() => rmSync(folder, { recursive: true }));

const open = () => openSqliteStore({ path, box, now: Date.now });

/** A database as the first version left it. */
function firstVersion(): Database {
  const source = join(import.meta.dir, "migrations");
  const only = join(folder, "first");
  mkdirSync(join(only, "meta"), { recursive: true });
  cpSync(join(source, "0000_initial.sql"), join(only, "0000_initial.sql"));
  const entries = journal.entries.slice(0, 1);
  writeFileSync(join(only, "meta/_journal.json"), JSON.stringify({ ...journal, entries }));
  const file = new Database(path, { create: true, strict: true });
  file.run("pragma journal_mode = wal");
  migrate(drizzle({ client: file }), { migrationsFolder: only });
  return file;
}

/** A row in each table of the first schema. */
function fill(file: Database): void {
  const sealed = (kind: string, id: string) =>
    box.seal(Buffer.from(body), `document/${kind}/${id}/7`);
  file.run("insert into users values ('u', 'ada', null, 'hash', 1, 3, ?, ?)", [time, time]);
  file.run("insert into servers values ('s', 'local', ?)", [time]);
  file.run("insert into projects values ('p', 'u', 'shop', '#FFF', 5, ?, ?)", [time, time]);
  file.run("insert into project_realms values ('p', 'r')");
  file.run(
    "insert into containers values ('c', 'p', 's', 'box', '#000', 'running', 'mine', '10.0.0.1', ?, ?, ?)",
    ['{"terminal":{"port":7681,"stride":0}}', time, time],
  );
  file.run("insert into container_realms values ('c', 'r')");
  file.run("insert into documents values ('project', 'p', 7, 1, ?)", [sealed("project", "p")]);
  file.run("insert into documents values ('container', 'c', 7, 0, ?)", [sealed("container", "c")]);
  file.run("insert into changes (revision, kind, entity_id) values (41, 'project', 'p')");
  file.run("insert into changes (revision, kind, entity_id) values (42, 'container', 'c')");
}

test("what the first version wrote is there, whole, and goes on", async () => {
  const file = firstVersion();
  fill(file);
  file.close();
  for (let opened = 0; opened < 2; opened++) {
    const store = open();
    try {
      const user = await store.userById("u");
      expect(user).toMatchObject({ username: "ada", sessionGeneration: 3, metadata: "{}" });
      const project = await store.project(scope, "p");
      expect(project).toMatchObject({ alias: "shop", maxContainers: 5, realmIds: ["r"] });
      const container = await store.container(scope, "c");
      expect(container).toMatchObject({
        name: "box",
        comment: "mine",
        address: "10.0.0.1",
        programs: { terminal: { port: 7681, stride: 0 } },
        realmIds: ["r"],
        hasOwnDocument: true,
        hasProjectDocument: true,
      });
      const view = await store.document(scope, { kind: "container", id: "c" });
      expect(view?.state).toEqual({ version: 7 + opened, enableProxy: false, body, hooks: null });
      expect(view?.projectState).toMatchObject({ version: 7, enableProxy: true, body });
      const key = { kind: "container", id: "c" } as const;
      const write = { projectVersion: null, enableProxy: false, body, hooks: null };
      const written = await store.putDocument(scope, key, { ...write, expected: 7 + opened });
      expect(written).toMatchObject({ version: 8 + opened, revision: 43 + opened });
    } finally {
      await store.close();
    }
  }
});

test("what hangs on a row that goes is not left behind", async () => {
  const file = firstVersion();
  fill(file);
  file.close();
  const store = open();
  await store.deleteProject(scope, "p");
  await store.close();
  const left = new Database(path);
  for (const table of ["containers", "container_realms", "project_realms", "documents"]) {
    expect(left.query(`select count(*) as n from ${table}`).get()).toEqual({ n: 0 });
  }
  expect(left.query("pragma foreign_key_check").all()).toEqual([]);
  left.close();
});

test("a database of a newer version is refused, and left as it is", async () => {
  await open().close();
  const file = new Database(path);
  const newest = Math.max(...journal.entries.map(({ when }) => when));
  file.run("insert into __drizzle_migrations (hash, created_at) values ('later', ?)", [newest + 1]);
  file.close();
  expect(open).toThrow("newer version");
});

test("targets of aliases that lay in the clear are sealed, and no page of the file has them", async () => {
  const file = firstVersion();
  fill(file);
  file.close();
  await open().close();
  // As the version before left it.
  const plain = new Database(path, { strict: true });
  plain.run("alter table aliases drop column sealed_target");
  plain.run("drop table lineages");
  plain.run("alter table users drop column is_banned");
  plain.run("drop table event_realms");
  plain.run("drop table events");
  plain.run("drop table realms");
  plain.run("drop table node_processes");
  plain.run("drop table nodes");
  plain.run("delete from __drizzle_migrations where created_at >= ?", [
    journal.entries.find(({ tag }) => tag === "0003_sealed_targets")?.when ?? 0,
  ]);
  plain.run("pragma user_version = 0");
  const insert = (id: string, target: string | null) =>
    plain.run("insert into aliases values (?, 'c', 's', 'u', ?, 'curl', 1, ?, 0, null, 1, ?, ?)", [
      id,
      `name-${id}`,
      target,
      time,
      time,
    ]);
  insert("one", "/proxy?auth=Bearer%20TOPSECRET1");
  insert("two", null);
  insert("gone", "/proxy?auth=Bearer%20TOPSECRET2");
  plain.run("delete from aliases where id = 'gone'");
  plain.close();
  for (let opened = 0; opened < 2; opened++) {
    const store = open();
    const { items } = await store.aliases(scope, {
      projectId: null,
      containerId: null,
      enabled: null,
      expired: null,
    });
    expect(items.map(({ id, targetPath }) => [id, targetPath]).toSorted()).toEqual([
      ["one", "/proxy?auth=Bearer%20TOPSECRET1"],
      ["two", null],
    ]);
    const { containers } = await store.changesAfter(0);
    expect(containers[0]?.state?.aliases.map(({ targetPath }) => targetPath).toSorted()).toEqual([
      "/proxy?auth=Bearer%20TOPSECRET1",
      null,
    ]);
    const written = await store.updateAlias(scope, "two", { targetPath: "/x?k=TOPSECRET3" });
    expect(written).toMatchObject({ alias: { targetPath: "/x?k=TOPSECRET3" } });
    await store.updateAlias(scope, "two", { targetPath: null });
    for (const name of readdirSync(folder)) {
      if (!name.startsWith("realmgate.sqlite")) continue;
      expect(readFileSync(join(folder, name)).includes("TOPSECRET")).toBe(false);
    }
    await store.close();
  }
});

test("a target that another row's was put in place of does not open, and its alias leads nowhere", async () => {
  const file = firstVersion();
  fill(file);
  file.close();
  const store = open();
  const base = { containerId: "c", program: "http", instance: 80, expiresAt: null, enabled: true };
  for (const alias of ["one", "two"]) {
    await store.createAlias(scope, {
      ...base,
      alias,
      targetPath: `/${alias}`,
      allowPathOverride: false,
    });
  }
  await store.close();
  const swapped = new Database(path);
  swapped.run(
    "update aliases set sealed_target = (select sealed_target from aliases where alias = 'one') where alias = 'two'",
  );
  swapped.close();
  const again = open();
  const { containers } = await again.changesAfter(0);
  expect(
    containers[0]?.state?.aliases.toSorted((a, b) => (a.alias < b.alias ? -1 : 1)),
  ).toMatchObject([
    { alias: "one", targetPath: "/one", enabled: true },
    { alias: "two", targetPath: null, enabled: false },
  ]);
  await again.close();
});
