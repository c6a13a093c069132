import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import type { Scope } from "../../../src/admin/store/records.ts";
import { SecretBox } from "../../../src/admin/store/sealed.ts";
import { Database as StoreDatabase } from "../../../src/admin/store/sqlite/database.ts";
import { openSqliteStore } from "../../../src/admin/store/sqlite/sqlite-store.ts";
import type { Store } from "../../../src/admin/store/store.ts";
import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { storeConformance } from "../store.ts";

storeConformance("the SQLite store", openSqlitePlace);

describe("on disk", () => {
  const secret = "hunter2-is-a-secret";
  const key = randomBytes(32);
  let folder: string;
  let path: string;
  let store: Store;
  let scope: Scope;
  let projectId: string;

  function openWith(master: Buffer, purpose = "documents"): Store {
    return openSqliteStore({ path, box: new SecretBox(master, purpose), now: Date.now });
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "realmgate-store-"));
    path = join(folder, "realmgate.sqlite");
    store = openWith(key);
    await store.createFirstUser({ username: "ada", passwordHash: "" });
    const user = await store.userForLogin({ username: "ada" });
    const level = ProjectLevel.DELETE;
    scope = { userId: user?.id ?? "", realmId: null, realms: [], confinedTo: null, level };
    projectId = await newProject("p");
    await put(projectId, 0, `{"secret":"${secret}"}`);
  });

  afterEach(async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  });

  async function newProject(alias: string): Promise<string> {
    const fields = { alias, color: "#000", maxContainers: null, realmIds: [] };
    const made = await store.createProject(scope, fields);
    if (made === "duplicate") throw new Error("duplicate");
    return made.project.id;
  }

  const write = (expected: number, body: string) => ({
    expected,
    projectVersion: null,
    enableProxy: true,
    body,
    hooks: null,
  });

  function put(id: string, expected: number, body: string) {
    return store.putDocument(scope, { kind: "project", id }, write(expected, body));
  }

  function read(from: Store = store) {
    return from.document(scope, { kind: "project", id: projectId });
  }

  /** Everything the store left in its folder. */
  const bytes = () => readdirSync(folder).map((name) => readFileSync(join(folder, name)));

  test("no file has a document in clear, before and after closing", async () => {
    expect((await read())?.state.body).toContain(secret);
    for (let pass = 0; pass < 2; pass++) {
      const files = bytes();
      expect(files.some((file) => file.includes(projectId))).toBeTrue();
      expect(files.some((file) => file.includes("hunter2"))).toBeFalse();
      await store.close();
      store = openWith(key);
    }
  });

  test.each([
    ["another key", randomBytes(32), "documents"],
    ["the key of another purpose", key, "sessions"],
  ])("%s does not open the database, which stays as it is", async (_why, master, purpose) => {
    await store.close();
    // As an earlier version left it: a store that opens it writes.
    const earlier = new Database(path);
    earlier.run("PRAGMA user_version = 0");
    earlier.run("PRAGMA wal_checkpoint(TRUNCATE)");
    earlier.close();
    const before = readFileSync(path);
    expect(() => openWith(master, purpose)).toThrow("sealed with another secret key");
    expect(readFileSync(path)).toEqual(before);
    store = openWith(key);
  });

  test("one damaged document is that, and not another key", async () => {
    await put(await newProject("q"), 0, "{}");
    const file = new Database(path, { strict: true });
    file.run("update documents set body = x'00' where owner_id = ?", [projectId]);
    file.close();
    const again = openWith(key);
    try {
      await expect(read(again)).rejects.toThrow("does not open with this secret key");
      // The proxies are told of everything else, and that this one is closed.
      const { projects } = await again.changesAfter(0);
      expect(
        projects.map(({ id, state }) => [id === projectId, state?.unreadable ?? false]),
      ).toEqual(
        expect.arrayContaining([
          [true, true],
          [false, false],
        ]),
      );
    } finally {
      await again.close();
    }
  });

  test("a sealed document does not open in another row, nor at another version", async () => {
    const otherId = await newProject("q");
    await put(otherId, 0, "{}");
    const file = new Database(path, { strict: true });
    const sealed = "(select body from documents where owner_id = ?)";
    file.run(`update documents set body = ${sealed} where owner_id = ?`, [otherId, projectId]);
    await expect(read()).rejects.toThrow("does not open");
    file.run("update documents set version = 2 where owner_id = ?", [otherId]);
    file.close();
    const other = store.document(scope, { kind: "project", id: otherId });
    await expect(other).rejects.toThrow("does not open");
  });

  test("two stores on one file let one of 64 writers through", async () => {
    const second = openWith(key);
    try {
      for (let expected = 1; expected <= 4; expected++) {
        const written = await Promise.all(
          Array.from({ length: 64 }, (_, writer) =>
            (writer % 2 === 0 ? store : second).putDocument(
              scope,
              { kind: "project", id: projectId },
              write(expected, `${writer}`),
            ),
          ),
        );
        expect(written.filter((each) => typeof each === "object")).toHaveLength(1);
        expect(written.filter((each) => each === "stale")).toHaveLength(63);
      }
    } finally {
      await second.close();
    }
  });

  test("writes that come together reach the disk together, and one that is refused takes none back", async () => {
    const reader = new Database(path, { readonly: true });
    const commits = () => {
      const row = reader.query("pragma data_version").get() as { readonly data_version: number };
      return row.data_version;
    };
    const before = commits();
    const revision = await store.revision();
    const written = await Promise.allSettled(
      Array.from({ length: 20 }, async (_, n) => {
        if (n % 4 === 1) return put(projectId, 0, "{}");
        return newProject(n % 4 === 2 ? "twice" : `p${n}`);
      }),
    );
    expect(commits()).toBe(before + 1);
    reader.close();
    const refused = written.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(4);
    expect(await store.revision()).toBe(revision + 11);
    expect((await store.changesAfter(revision)).projects).toHaveLength(11);
  });

  test("what waits is stored before the database is closed", async () => {
    const made = newProject("late");
    await store.close();
    await made;
    store = openWith(key);
    const { revision } = await store.changesAfter(0);
    expect(revision).toBe(4);
  });

  test("commits are durable: WAL with synchronous=FULL (2)", () => {
    const box = new SecretBox(key, "documents");
    const database = new StoreDatabase({ path: join(folder, "durable"), box, now: Date.now });
    expect(database.reader.get(sql`pragma journal_mode`)).toEqual(["wal"]);
    expect(database.reader.get(sql`pragma synchronous`)).toEqual([2]);
    database.close();
  });

  test("a file that is no database is refused", () => {
    const other = join(folder, "other");
    writeFileSync(other, "this is no database, and it is long enough to be looked at".repeat(10));
    const box = new SecretBox(key, "documents");
    expect(() => openSqliteStore({ path: other, box, now: Date.now })).toThrow();
  });
});
