// What callers learn when the database does not answer: nothing was stored, or it may be.
import { afterAll, afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { Client } from "pg";
import { openPostgresStore } from "../../../src/admin/store/postgres/postgres-store.ts";
import type { DocumentKey, Scope } from "../../../src/admin/store/records.ts";
import type { Store } from "../../../src/admin/store/store.ts";
import { StoreUnavailable, WriteOutcomeUnknown } from "../../../src/admin/store/store-errors.ts";
import { randomFrom } from "../../arbitrary/random.ts";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import {
  openPostgresPlace,
  type PostgresPlace,
  stopPostgres,
} from "../../harness/postgres-store.ts";
import { scopeOf } from "../../harness/stage.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const write = { projectVersion: null, enableProxy: true, hooks: null };

describe.skipIf(postgresBinaries === null)("a PostgreSQL database that does not answer", () => {
  const random = randomFrom(1);
  let place: PostgresPlace;
  let store: Store;
  let ada: Scope;
  let key: DocumentKey;

  beforeEach(async () => {
    place = await openPostgresPlace(Date.now);
    const options = { url: place.url, box: place.box, now: Date.now, poolMax: 2, timeoutMs: 500 };
    store = await openPostgresStore(options);
    ada = scopeOf(await place.addUser("ada"));
    const project = { alias: "p", color: "#000", maxContainers: null, realmIds: [] };
    const made = await place.store.createProject(ada, project);
    if (typeof made === "string") throw new Error(made);
    key = { kind: "project", id: made.project.id };
  });

  afterEach(async () => {
    await store.close();
    await place[Symbol.asyncDispose]();
  });

  afterAll(stopPostgres);

  const put = (expected: number) => store.putDocument(ada, key, { ...write, expected, body: "{}" });

  test.each([
    ["a pooler that lost the server", { code: "08P01", severity: "FATAL" }, WriteOutcomeUnknown],
    ["a connection failure", { code: "08006", severity: "ERROR" }, WriteOutcomeUnknown],
    ["a server that stops", { code: "57P01", severity: "FATAL" }, WriteOutcomeUnknown],
    ["a serialization failure", { code: "40001", severity: "ERROR" }, StoreUnavailable],
  ])("a COMMIT that is answered by %s", async (_what, answer, outcome) => {
    const { query } = Client.prototype;
    const refusing = spyOn(Client.prototype, "query").mockImplementation(function (
      this: Client,
      ...args: readonly unknown[]
    ) {
      const [given] = args as [string | { text: string }];
      const text = typeof given === "string" ? given : given.text;
      if (!/commit$/.test(text)) return Reflect.apply(query, this, args);
      return Promise.reject(Object.assign(new Error("lost"), answer));
    } as never);
    try {
      await expect(put(0)).rejects.toBeInstanceOf(outcome);
    } finally {
      refusing.mockRestore();
    }
  });

  /** Cuts the connection once this statement was sent; its answer is never read. */
  async function cutAt(statement: RegExp, call: () => Promise<unknown>) {
    const { query } = Client.prototype;
    const cut = spyOn(Client.prototype, "query").mockImplementation(function (
      this: Client & { connection: { stream: { pause(): void; destroy(): void } } },
      ...args: readonly unknown[]
    ) {
      const [given] = args as [string | { text: string }];
      const matches = statement.test(typeof given === "string" ? given : given.text);
      const answer = Reflect.apply(query, this, args);
      if (matches) {
        this.connection.stream.pause();
        setTimeout(() => this.connection.stream.destroy(), random.below(8));
      }
      return answer;
    } as never);
    try {
      return await call();
    } finally {
      cut.mockRestore();
    }
  }

  test("to COMMIT has stored the write or not; If-Match tells, and nothing is lost", async () => {
    for (let round = 0; round < 5; round++) {
      const before = (await store.document(ada, key))?.state.version ?? 0;
      await expect(cutAt(/commit$/, () => put(before))).rejects.toThrow(WriteOutcomeUnknown);
      const after = (await store.document(ada, key))?.state.version ?? 0;
      expect([before, before + 1]).toContain(after);
      const again = await put(before);
      expect(again === "stale").toBe(after > before);
    }
  });

  test.each([
    ["begin", /^begin/],
    ["a statement of the write", /insert into "realmgate"."documents"|update "realmgate"/],
  ])("to %s has stored nothing", async (_what, statement) => {
    const revision = await store.revision();
    await expect(cutAt(statement, () => put(0))).rejects.toThrow(StoreUnavailable);
    expect((await store.document(ada, key))?.state.version).toBe(0);
    expect(await store.revision()).toBe(revision);
    expect(await put(0)).toBeObject();
  });

  test("to a read is StoreUnavailable", async () => {
    await expect(cutAt(/^select/, () => store.document(ada, key))).rejects.toThrow(
      StoreUnavailable,
    );
  });

  test("because another holds the lock of all writes: each of many writers hears it in time", async () => {
    const holder = new Client({ connectionString: place.url });
    await holder.connect();
    try {
      await holder.query("begin; select * from realmgate.revisions for update");
      const writes = Array.from({ length: 200 }, () => put(0).catch((error: unknown) => error));
      const answers = await Promise.all(writes);
      expect(answers.filter((each) => each instanceof StoreUnavailable)).toHaveLength(200);
      // Reads need no lock.
      expect(await store.document(ada, key)).toBeObject();
      await holder.query("rollback");
      expect(await put(0)).toBeObject();
    } finally {
      await holder.end();
    }
  });

  test("because all connections are in use: StoreUnavailable", async () => {
    const holder = new Client({ connectionString: place.url });
    await holder.connect();
    try {
      // Reads of documents wait for who changes the table.
      await holder.query("begin; lock table realmgate.documents in access exclusive mode");
      const reads = Array.from({ length: 20 }, () =>
        store.document(ada, key).catch((error: unknown) => error),
      );
      const answers = await Promise.all(reads);
      expect(answers.filter((each) => each instanceof StoreUnavailable)).toHaveLength(20);
      await holder.query("rollback");
      expect(await store.document(ada, key)).toBeObject();
    } finally {
      await holder.end();
    }
  });
});
