import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { newId } from "../../../src/admin/store/id.ts";
import { SecretBox } from "../../../src/admin/store/sealed.ts";
import { Database } from "../../../src/admin/store/sqlite/database.ts";
import { memberStore } from "../../../src/admin/store/sqlite/members.ts";
import { projectStore } from "../../../src/admin/store/sqlite/projects.ts";
import { members, users } from "../../../src/admin/store/sqlite/schema.ts";
import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { scopeOf } from "../../harness/stage.ts";
import { memberConformance } from "../members.ts";

memberConformance("the SQLite store", openSqlitePlace);

test("a project has a thousand members and no more, until one goes", async () => {
  const box = new SecretBox(randomBytes(32), "documents");
  const db = new Database({ path: ":memory:", box, now: Date.now });
  const ids = Array.from({ length: 1002 }, newId);
  const times = { createdAt: "", updatedAt: "" };
  await db.transaction((tx) => {
    for (const id of ids) {
      const account = { id, username: id, passwordHash: "", isAdmin: false, sessionGeneration: 0 };
      tx.insert(users)
        .values({ ...account, ...times })
        .run();
    }
  });
  const [owner = "", last = "", ...others] = ids;
  const scope = scopeOf(owner, ProjectLevel.EDIT);
  const fields = { alias: "p", color: "#000", maxContainers: null, realmIds: [] };
  const made = await projectStore(db).createProject(scope, fields);
  if (made === "duplicate") throw new Error(made);
  const projectId = made.project.id;
  const level = ProjectLevel.READ;
  await db.transaction((tx) => {
    for (const userId of others) {
      tx.insert(members)
        .values({ id: newId(), projectId, userId, level, ...times })
        .run();
    }
  });
  const store = memberStore(db);
  const add = (userId: string) => store.addMember(scope, projectId, { userId, level });
  expect(await add(last)).toBe("limit");
  expect(await add(others[0] ?? "")).toBe("exists");
  const page = { page: 1, limit: 1, sortBy: "created_at", sortOrder: "asc" } as const;
  const first = (await store.members(scope, projectId, page))?.items[0];
  expect(await store.removeMember(scope, projectId, first?.id ?? "", level)).toBeTrue();
  expect(await add(last)).toMatchObject({ userId: last });
  expect((await store.members(scope, projectId, page))?.total).toBe(1000);
  db.close();
});
