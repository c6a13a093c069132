import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { ProjectLevel } from "../../../../proto/gen/realmgate/v1/options_pb.ts";
import { memberConformance } from "../../../../test/conformance/members.ts";
import { openSqlitePlace } from "../../../../test/conformance/sqlite-place.ts";
import { scopeOf } from "../../../../test/conformance/stage.ts";
import { newId } from "../../id.ts";
import { SecretBox } from "../../secret-box.ts";
import { members, users } from "../schema.ts";
import { Database } from "./database.ts";
import { memberStore } from "./members.ts";
import { projectStore } from "./projects.ts";

memberConformance("the SQLite store", openSqlitePlace);

test("a project has a thousand members and no more, until one goes", async () => {
  const box = new SecretBox(randomBytes(32), "documents");
  const db = new Database({ path: ":memory:", box, now: Date.now });
  const ids = Array.from({ length: 1002 }, newId);
  const times = { createdAt: "", updatedAt: "" };
  db.transaction((tx) => {
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
  db.transaction((tx) => {
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
