// A database of any version before this one opens, and nothing that was in it is lost.
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
