// A SQLite store in a folder of its own that is thrown away.
import { Database } from "bun:sqlite";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AccountQuotas } from "../../src/admin/store/account-quotas.ts";
import { newId } from "../../src/admin/store/id.ts";
import { SecretBox } from "../../src/admin/store/sealed.ts";
import { openSqliteStore } from "../../src/admin/store/sqlite/sqlite-store.ts";
import type { OpenStore } from "./open-store.ts";

export interface SqlitePlace extends OpenStore {
  /** The database file. */
  readonly path: string;
}

/** `quotas`: none when unset. */
export async function openSqlitePlace(
  now: () => number,
  quotas?: AccountQuotas,
): Promise<SqlitePlace> {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-store-"));
  const path = join(folder, "realmgate.sqlite");
  const box = new SecretBox(randomBytes(32), "documents");
  const options = { path, box, now, ...(quotas === undefined ? {} : { quotas }) };
  let store = openSqliteStore(options);
  return {
    store,
    path,
    async reopen() {
      await store.close();
      store = openSqliteStore(options);
      return store;
    },
    async addUser(username) {
      const id = newId();
      const time = new Date(0).toISOString();
      const file = new Database(path, { strict: true });
      file.run(
        `insert into users (id, username, password_hash, is_admin, session_generation, created_at, updated_at)
         values (?, ?, '', 0, 0, ?, ?)`,
        [id, username, time, time],
      );
      file.close();
      return id;
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}
