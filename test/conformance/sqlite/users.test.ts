import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { SecretBox } from "../../../src/admin/store/sealed.ts";
import { Database } from "../../../src/admin/store/sqlite/database.ts";
import { logins } from "../../../src/admin/store/sqlite/schema.ts";
import { userStore } from "../../../src/admin/store/sqlite/users.ts";
import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { userConformance } from "../users.ts";

userConformance("the SQLite store", openSqlitePlace);

test("the logins that are not told any more are gone from the disk", async () => {
  const box = new SecretBox(randomBytes(32), "documents");
  const db = new Database({ path: ":memory:", box, now: () => 0 });
  const store = userStore(db);
  for (const username of ["ada", "bob"]) {
    const email = `${username}@example.test`;
    await store.createUser({ username, email, passwordHash: "" });
    const user = await store.userForLogin({ username });
    for (let n = 0; n < 30; n++) await store.recordLogin(user?.id ?? "", "192.0.2.1");
  }
  expect(await db.reader.$count(logins)).toBe(20);
  db.close();
});
