// A new secret key on a database that several control planes write to: none of them seals with the old one unnoticed.
import { afterAll, describe, expect, test } from "bun:test";
import { newId } from "../../../src/admin/store/id.ts";
import { KeyRing } from "../../../src/admin/store/key-ring.ts";
import { openPostgresStore } from "../../../src/admin/store/postgres/postgres-store.ts";
import { DOCUMENT_ROWS, rotatePostgresKey } from "../../../src/admin/store/postgres/rotate-key.ts";
import { SecretBox, type ValueBox } from "../../../src/admin/store/sealed.ts";
import type { Store } from "../../../src/admin/store/store.ts";
import { StoreUnavailable } from "../../../src/admin/store/store-errors.ts";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import { postgres, stopPostgres } from "../../harness/postgres-store.ts";
import { scopeOf } from "../../harness/stage.ts";
import { until } from "../../harness/until.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const [old, next] = [1, 2].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer];
const PROJECTS = 40;
const write = { projectVersion: null, enableProxy: true, hooks: "{}" };

/** A control plane that follows the others. */
async function control(url: string, box: ValueBox): Promise<Store> {
  const store = await openPostgresStore({ url, box, now: Date.now, poolMax: 3 });
  store.onCommit(() => {});
  return store;
}

async function installed(box: ValueBox) {
  const server = await postgres();
  const url = await server.database();
  const store = await control(url, box);
  const userId = newId();
  const time = new Date(0).toISOString();
  await server.query(
    url,
    `insert into realmgate.users (id, username, password_hash, is_admin, session_generation, created_at, updated_at)
     values ($1, 'ada', '', false, 0, $2, $2)`,
    [userId, time],
  );
  const ada = scopeOf(userId);
  const ids: string[] = [];
  for (let n = 0; n < PROJECTS; n++) {
    const project = { alias: `p${n}`, color: "#000", maxContainers: null, realmIds: [] };
    const made = await store.createProject(ada, project);
    if (typeof made === "string") throw new Error(made);
    const { id } = made.project;
    await store.putDocument(ada, { kind: "project", id }, { ...write, expected: 0, body: "{}" });
    ids.push(id);
  }
  /** Values that the keys of a ring do not open. */
  const unreadable = async (ring: KeyRing) => {
    const opener = ring.valueBox();
    const rows = await server.query(url, "select * from realmgate.documents");
    return rows.filter(({ kind, owner_id, version, body, hooks }) => {
      const context = `document/${kind}/${owner_id}/${version}`;
      return [opener.open(body, context), opener.open(hooks, `${context}/hooks`)].includes(null);
    }).length;
  };
  const gates = async () => {
    const names = "select application_name as name from pg_stat_activity";
    return (await server.query(url, names)).map(({ name }) => String(name));
  };
  return { server, url, store, ada, ids, unreadable, gates };
}

describe.skipIf(postgresBinaries === null)("a new secret key on PostgreSQL", () => {
  afterAll(stopPostgres);

  test("comes over all values while two control planes write, and no write is lost", async () => {
    // As an earlier version left it: nothing names its key.
    const first = await installed(new SecretBox(old, "documents"));
    const { url, ada, ids, unreadable, gates } = first;
    await first.store.close();
    const rings = [new KeyRing([old]), new KeyRing([old])];
    const stores = await Promise.all(rings.map((ring) => control(url, ring.valueBox())));
    const both = new KeyRing([next, old]);

    // A gate that does not have the new key could read nothing that is written from now on.
    const [id] = both.valueBox().keyIds;
    const named = async (count: number) =>
      (await gates()).filter((name) => name.includes(id ?? "?")).length === count;
    await until(
      async () => (await gates()).some((name) => /^realmgate [0-9a-f]/.test(name)),
      "seen",
    );
    await expect(rotatePostgresKey({ url }, both)).rejects.toThrow("do not have the new key");
    expect(await unreadable(new KeyRing([old]))).toBe(0);

    for (const ring of rings) ring.replace([old, next]);
    await until(() => named(2), "both control planes say that they have the new key");
    const versions = ids.map(() => 1);
    let isOver = false;
    let writes = 0;
    const lanes = stores.map(async (store, lane) => {
      while (!isOver) {
        const at = (writes % (PROJECTS / 2)) * 2 + lane;
        const key = { kind: "project", id: ids[at] ?? "" } as const;
        const put = { ...write, expected: versions[at] ?? 0, body: `{"n":${writes}}` };
        expect(await store.putDocument(ada, key, put)).toMatchObject({ version: put.expected + 1 });
        versions[at] = put.expected + 1;
        writes++;
      }
    });
    await until(() => writes > 10, "writes run");
    const rotated = await rotatePostgresKey({ url }, both);
    const after = writes;
    await until(() => writes > after + 10, "writes go on");
    isOver = true;
    await Promise.all(lanes);
    expect(rotated.unreadable).toBe(0);
    expect(rotated.count).toBeGreaterThan(0);
    expect(await unreadable(new KeyRing([next]))).toBe(0);

    // It is done: once more finds nothing, and the old key can go.
    expect(await rotatePostgresKey({ url }, both)).toEqual({
      count: 0,
      unreadable: 0,
      isNew: false,
    });
    for (const ring of rings) ring.replace([next]);
    for (const [at, version] of versions.entries()) {
      const key = { kind: "project", id: ids[at] ?? "" } as const;
      expect((await stores[at % 2]?.document(ada, key))?.state.version).toBe(version);
    }
    const key = { kind: "project", id: ids[0] ?? "" } as const;
    const put = { ...write, expected: versions[0] ?? 0, body: "{}" };
    expect(await stores[0]?.putDocument(ada, key, put)).toMatchObject({
      revision: expect.any(Number),
    });
    await Promise.all(stores.map((store) => store.close()));
  }, 60_000);

  test("refuses a writer that does not have it, and goes on where it was interrupted", async () => {
    const ring = new KeyRing([old]);
    const { server, url, store, ada, ids, unreadable } = await installed(ring.valueBox());
    // It does not follow, so nobody sees it: it must still not seal with the old key.
    const hidden = await openPostgresStore({
      url,
      box: new KeyRing([old]).valueBox(),
      now: Date.now,
    });
    ring.replace([old, next]);
    const both = new KeyRing([next, old]);
    const left = { kind: "project", id: ids[0] ?? "" } as const;
    await until(
      () => rotatePostgresKey({ url }, both).catch(() => null),
      "the control plane says that it has the new key",
    );
    const put = { ...write, expected: 1, body: "{}" };
    const refused = hidden.putDocument(ada, left, put);
    await expect(refused).rejects.toThrow(StoreUnavailable);
    await expect(refused).rejects.toThrow("give it to this process");
    expect(await unreadable(new KeyRing([next]))).toBe(0);
    expect(await store.putDocument(ada, left, put)).toMatchObject({ version: 2 });

    // As if it had been killed when the key was declared and this value was not reached yet.
    const sealed = new KeyRing([old])
      .valueBox()
      .seal(Buffer.from("{}"), `document/project/${left.id}/2`);
    const set = "update realmgate.documents set body = $1 where owner_id = $2";
    await server.query(url, set, [sealed, left.id]);
    expect(await unreadable(new KeyRing([next]))).toBe(1);
    expect(await rotatePostgresKey({ url }, both)).toMatchObject({ count: 1, unreadable: 0 });
    expect(await unreadable(new KeyRing([next]))).toBe(0);
    await Promise.all([store.close(), hidden.close()]);
  }, 60_000);

  test("finds the next rows by the primary key, however many there are", async () => {
    const { server, url, store } = await installed(new KeyRing([old]).valueBox());
    await store.close();
    // A table as small as this one is read as a whole unless that is to be avoided.
    const avoiding = `${url}&options=${encodeURIComponent("-c enable_seqscan=off -c enable_bitmapscan=off")}`;
    const plan = await server.query(avoiding, `explain ${DOCUMENT_ROWS}`, ["project", "x"]);
    const text = plan.map((row) => Object.values(row).join()).join("\n");
    expect(text).toContain("Index Cond: (ROW(kind, owner_id) > ROW(");
    expect(text).not.toContain("Sort");
  });
});
