// What one account may have: counted over all of it, for whoever makes it, and operators are exempt.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { sql } from "drizzle-orm";
import { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { AccountQuotaReached } from "../../../src/admin/store/account-quotas.ts";
import type { DocumentKey } from "../../../src/admin/store/records.ts";
import { SecretBox } from "../../../src/admin/store/sealed.ts";
import { containerStore } from "../../../src/admin/store/sqlite/containers.ts";
import { Database } from "../../../src/admin/store/sqlite/database.ts";
import { documentStore } from "../../../src/admin/store/sqlite/documents.ts";
import { memberStore } from "../../../src/admin/store/sqlite/members.ts";
import { projectStore } from "../../../src/admin/store/sqlite/projects.ts";
import { inRealm, scopeOf } from "../../harness/stage.ts";

const quotas = { projectsMax: 3, containersMax: 2, documentBytesMax: 2000 };
const realm = "a".repeat(24);

let db: Database;

beforeEach(() => {
  const box = new SecretBox(randomBytes(32), "documents");
  db = new Database({ path: ":memory:", box, now: Date.now, quotas });
  for (const [id, isAdmin] of [
    ["ada", 0],
    ["bob", 0],
    ["root", 1],
  ]) {
    db.reader.run(sql`insert into users
      (id, username, password_hash, is_admin, session_generation, created_at, updated_at)
      values (${id}, ${id}, '', ${isAdmin}, 0, '', '')`);
  }
  db.reader.run(sql`insert into servers values ('s', 's', '')`);
});

afterEach(() => db.close());

async function newProject(scope: ReturnType<typeof scopeOf>, alias: string): Promise<string> {
  const fields = { alias, color: "#000", maxContainers: null, realmIds: [] };
  const made = await projectStore(db).createProject(scope, fields);
  if (typeof made === "string") throw new Error(made);
  return made.project.id;
}

async function newContainer(
  scope: ReturnType<typeof scopeOf>,
  projectId: string,
  name: string,
): Promise<string> {
  const common = { color: "#000", comment: null, address: null, realmIds: [], programs: {} };
  const container = { ...common, projectId, serverId: "s", name };
  const made = await containerStore(db).createContainer(scope, container);
  if (typeof made === "string") throw new Error(made);
  return made.container.id;
}

async function put(
  scope: ReturnType<typeof scopeOf>,
  key: DocumentKey,
  { body = null, hooks = null }: { body?: string | null; hooks?: string | null },
): Promise<void> {
  const view = await documentStore(db).document(scope, key);
  const expected = view?.state.version ?? 0;
  const write = { expected, projectVersion: null, enableProxy: true, body, hooks };
  const written = await documentStore(db).putDocument(scope, key, write);
  if (written === null || typeof written === "string") throw new Error(`${written}`);
}

const text = (length: number) => "x".repeat(length);
const refused = (work: Promise<unknown>) =>
  expect(work).rejects.toBeInstanceOf(AccountQuotaReached);

test("projects count over all realms of an account, and leave room when they go", async () => {
  await newProject(scopeOf("ada"), "one");
  await newProject(inRealm(scopeOf("ada"), realm), "two");
  const third = await newProject(scopeOf("ada"), "three");
  await refused(newProject(scopeOf("ada"), "four"));
  await refused(newProject(inRealm(scopeOf("ada"), realm), "four"));
  await newProject(scopeOf("bob"), "four");
  await projectStore(db).deleteProject(scopeOf("ada"), third);
  await newProject(scopeOf("ada"), "four");
});

test("containers count for the project's owner, whoever makes them and in whichever project", async () => {
  const one = await newProject(scopeOf("ada"), "one");
  const two = await newProject(scopeOf("ada"), "two");
  const member = { userId: "bob", level: ProjectLevel.EDIT };
  await memberStore(db).addMember(scopeOf("ada"), one, member);
  await newContainer(scopeOf("bob"), one, "a");
  await newContainer(scopeOf("ada"), two, "b");
  await refused(newContainer(scopeOf("bob"), one, "c"));
  await refused(newContainer(scopeOf("ada"), two, "c"));
  await newContainer(scopeOf("bob"), await newProject(scopeOf("bob"), "own"), "c");
});

test("bytes of documents and hooks are summed over projects and containers; what does not grow is never refused", async () => {
  const ada = scopeOf("ada");
  const id = await newProject(ada, "one");
  const project = { kind: "project", id } as const;
  const container = { kind: "container", id: await newContainer(ada, id, "a") } as const;
  await put(ada, project, { body: text(900) });
  await put(ada, container, { body: text(400), hooks: text(400) });
  await refused(put(ada, container, { body: text(900), hooks: text(400) }));
  await refused(put(ada, container, { body: text(400), hooks: text(900) }));
  await refused(put(ada, project, { body: text(1400) }));
  expect((await documentStore(db).document(ada, project))?.state.version).toBe(1);
  await put(ada, container, { body: text(400), hooks: text(400) });
  await put(ada, container, {});
  await put(ada, project, { body: text(1400) });
});

test("operators' accounts have no quotas", async () => {
  const root = scopeOf("root");
  const ids = [];
  for (let n = 0; n < 5; n++) ids.push(await newProject(root, `p${n}`));
  for (const id of ids) {
    await newContainer(root, id, "a");
    await put(root, { kind: "project", id }, { body: text(1500) });
  }
});

test("writes at the same time cannot pass a quota together", async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 10 }, (_, n) => newProject(scopeOf("ada"), `p${n}`)),
  );
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
});
