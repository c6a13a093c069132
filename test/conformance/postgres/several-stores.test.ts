// Several control planes on one database: what a write checks holds, whoever else writes.
import { afterAll, afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { Client } from "pg";
import { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { AccountQuotaReached } from "../../../src/admin/store/account-quotas.ts";
import { openPostgresStore } from "../../../src/admin/store/postgres/postgres-store.ts";
import type { DocumentKey, Scope } from "../../../src/admin/store/records.ts";
import type { Store } from "../../../src/admin/store/store.ts";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import {
  openPostgresPlace,
  type PostgresPlace,
  postgres,
  stopPostgres,
} from "../../harness/postgres-store.ts";
import { A, scopeOf } from "../../harness/stage.ts";
import { plainToken } from "../../harness/token-bench.ts";
import { until } from "../../harness/until.ts";

const name = "several stores on one PostgreSQL database";
const quotas = { projectsMax: 10, containersMax: 20, documentBytesMax: 4000 };
const write = { projectVersion: null, enableProxy: true, hooks: null };
const isMade = (made: unknown) => typeof made === "object" && made !== null;

if (postgresBinaries === null) sayWithoutPostgres();

describe.skipIf(postgresBinaries === null)(name, () => {
  let place: PostgresPlace;
  let stores: readonly Store[];
  let ada: Scope;
  let serverId: string;

  beforeEach(async () => {
    place = await openPostgresPlace(Date.now);
    const options = { url: place.url, box: place.box, now: Date.now, quotas };
    stores = [await openPostgresStore(options), await openPostgresStore(options)];
    ada = scopeOf(await place.addUser("ada"));
    serverId = (await place.store.registerServer("local")).id;
  });

  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await place[Symbol.asyncDispose]();
  });

  afterAll(stopPostgres);

  /** What `count` callers get that go to the stores in turn, all at once. */
  const race = <Result>(count: number, call: (store: Store, caller: number) => Promise<Result>) =>
    Promise.all(
      Array.from({ length: count }, (_, caller) =>
        call(stores[caller % stores.length] as Store, caller).catch((error: unknown) => {
          if (error instanceof AccountQuotaReached) return "account quota" as const;
          throw error;
        }),
      ),
    );

  const newProject = (alias: string, maxContainers: number | null = null) => ({
    alias,
    color: "#000",
    maxContainers,
    realmIds: [],
  });

  async function project(maxContainers: number | null = null): Promise<string> {
    const made = await place.store.createProject(ada, newProject("p", maxContainers));
    if (typeof made === "string") throw new Error(made);
    return made.project.id;
  }

  const newContainer = (projectId: string, containerName: string) => ({
    projectId,
    serverId,
    name: containerName,
    color: "#000",
    realmIds: [],
    comment: null,
    address: null,
    programs: {},
  });

  test("calls that are limited are counted together, and anew once their window is over", async () => {
    const counted = await race(20, (store) => store.countShared("signup 192.0.2.0", 60));
    const used = counted.map((each) => (typeof each === "object" ? each?.used : each));
    expect(used.toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 20 }, (_, n) => n + 1),
    );
    expect(await stores[0]?.countShared("other", 0)).toMatchObject({ used: 1 });
    expect(await stores[1]?.countShared("other", 60)).toMatchObject({ used: 1 });
    expect(await stores[0]?.countShared("other", 60)).toMatchObject({ used: 2 });
  });

  test("of 64 writers that saw one version, one writes", async () => {
    const key: DocumentKey = { kind: "project", id: await project() };
    for (let expected = 0; expected < 3; expected++) {
      const written = await race(64, (store, caller) =>
        store.putDocument(ada, key, { ...write, expected, body: `{"by":${caller}}` }),
      );
      expect(written.filter(isMade)).toHaveLength(1);
      expect(written.filter((each) => each === "stale")).toHaveLength(63);
    }
  });

  test("a project's quota of 10 that 50 race for gives 10", async () => {
    const projectId = await project(10);
    const made = await race(50, (store, caller) =>
      store.createContainer(ada, newContainer(projectId, `box${caller}`)),
    );
    expect(made.filter(isMade)).toHaveLength(10);
    expect(made.filter((each) => each === "quota")).toHaveLength(40);
  });

  test("an account's quotas of projects and containers hold", async () => {
    const projects = await race(40, (store, caller) =>
      store.createProject(ada, newProject(`p${caller}`)),
    );
    expect(projects.filter(isMade)).toHaveLength(10);
    expect(projects.filter((each) => each === "account quota")).toHaveLength(30);
    const first = projects.find((each) => typeof each === "object");
    const containers = await race(40, (store, caller) =>
      store.createContainer(ada, newContainer(first?.project.id ?? "", `box${caller}`)),
    );
    expect(containers.filter(isMade)).toHaveLength(20);
  });

  test("an account's quota of bytes holds", async () => {
    const keys = await race(8, async (store, caller) => {
      const made = await store.createProject(ada, newProject(`p${caller}`));
      if (typeof made === "string") throw new Error(made);
      return { kind: "project", id: made.project.id } as const;
    });
    const body = JSON.stringify("x".repeat(900));
    const written = await race(8, (store, caller) => {
      const key = keys[caller];
      if (typeof key !== "object") throw new Error(key);
      return store.putDocument(ada, key, { ...write, expected: 0, body });
    });
    expect(written.filter(isMade)).toHaveLength(4);
    expect(written.filter((each) => each === "account quota")).toHaveLength(4);
  });

  test("a name is taken once: of projects, containers, aliases and users", async () => {
    const projects = await race(30, (store) => store.createProject(ada, newProject("p")));
    expect(projects.filter(isMade)).toHaveLength(1);
    const projectId = projects.find((each) => typeof each === "object")?.project.id ?? "";
    const containers = await race(30, (store) =>
      store.createContainer(ada, newContainer(projectId, "box")),
    );
    expect(containers.filter(isMade)).toHaveLength(1);
    const containerId = containers.find((each) => typeof each === "object")?.container.id ?? "";
    const alias = {
      containerId,
      alias: "shop",
      program: "files",
      instance: 1,
      targetPath: null,
      allowPathOverride: true,
      expiresAt: null,
      enabled: true,
    };
    const aliases = await race(30, (store) => store.createAlias(ada, alias));
    expect(aliases.filter(isMade)).toHaveLength(1);
    expect(aliases.filter((each) => each === "server")).toHaveLength(29);
    const more = await race(60, (store, caller) =>
      store.createAlias(ada, { ...alias, alias: `shop${caller}` }),
    );
    expect(more.filter(isMade)).toHaveLength(31);
    const user = { username: "eve", email: "eve@example.test", passwordHash: "" };
    const users = await race(10, (store) => store.createUser(user));
    expect(users.filter((made) => made)).toHaveLength(1);
  });

  test("a token's alias is taken once, and a member is one once", async () => {
    const writer = { userId: ada.userId, realms: [], confinedTo: null, madeFrom: null };
    const tokens = await race(20, (store, caller) =>
      store.createToken(writer, { ...plainToken, secretHash: Buffer.from(`${caller}`) }),
    );
    expect(tokens.filter(isMade)).toHaveLength(1);
    expect(tokens.filter((each) => each === "duplicate")).toHaveLength(19);
    const userId = await place.addUser("bob");
    const projectId = await project();
    const members = await race(20, (store) =>
      store.addMember(ada, projectId, { userId, level: ProjectLevel.READ }),
    );
    expect(members.filter(isMade)).toHaveLength(1);
    expect(members.filter((each) => each === "exists")).toHaveLength(19);
  });

  test("revisions are dense over all writers, and each store hears of the others' commits", async () => {
    const heard = stores.map((store) => {
      const revisions: number[] = [];
      store.onCommit((revision) => revisions.push(revision));
      return revisions;
    });
    const before = await place.store.revision();
    const key: DocumentKey = { kind: "project", id: await project() };
    const made = await race(60, (store, caller) =>
      store.createProject(scopeOf(ada.userId), { ...newProject(`p${caller}`), realmIds: [A] }),
    );
    await place.store.putDocument(ada, key, { ...write, expected: 0, body: "{}" });
    const revisions = made.flatMap((each) => (typeof each === "object" ? [each.revision] : []));
    expect(revisions.toSorted((a, b) => a - b)).toEqual(
      revisions.map((_, index) => before + 2 + index),
    );
    const last = await place.store.revision();
    expect(last).toBe(before + 2 + revisions.length);
    for (const each of heard) await until(() => each.includes(last), "the last commit is heard");
  });

  test("the first user is made once, and four processes may make the tables at a time", async () => {
    const cluster = await postgres();
    const options = { url: await cluster.database(), box: place.box, now: Date.now };
    const opened = await Promise.all(Array.from({ length: 4 }, () => openPostgresStore(options)));
    const made = await Promise.all(
      opened.map((store) => store.createFirstUser({ username: "admin", passwordHash: "" })),
    );
    expect(made.filter((each) => each)).toHaveLength(1);
    await Promise.all(opened.map((store) => store.close()));
  });

  test("a document write takes five round trips, its quotas included", async () => {
    const made = await place.store.createProject(ada, newProject("p"));
    if (typeof made === "string") throw new Error(made);
    const box = await place.store.createContainer(ada, newContainer(made.project.id, "box"));
    if (typeof box === "string") throw new Error(box);
    const key: DocumentKey = { kind: "container", id: box.container.id };
    const queries = spyOn(Client.prototype, "query");
    try {
      await stores[0]?.putDocument(ada, key, { ...write, expected: 0, body: "{}" });
      const texts = queries.mock.calls.map(([query]) =>
        typeof query === "string" ? query : String((query as { text?: string }).text),
      );
      const own = texts.filter((text) => !text.includes("pg_notify"));
      expect(own.length).toBeGreaterThan(3);
      expect(own.length).toBeLessThanOrEqual(5);
    } finally {
      queries.mockRestore();
    }
  });

  test("a write that fails takes nothing back of those that commit with it", async () => {
    const fits = "p";
    const made = await Promise.allSettled(
      Array.from({ length: 9 }, (_, n) =>
        // PostgreSQL stores no NUL.
        place.store.createProject(ada, newProject(n % 3 === 1 ? `${fits}\0` : `${fits}${n}`)),
      ),
    );
    expect(made.filter(({ status }) => status === "rejected")).toHaveLength(3);
    const { total } = await place.store.projects(ada, {
      page: 1,
      limit: 100,
      sortBy: "created_at",
      sortOrder: "asc",
    });
    expect(total).toBe(6);
    expect(await place.store.revision()).toBe(6);
  });

  test("connections that are cut fail their calls and no others, and none is lost for good", async () => {
    const cluster = await postgres();
    const key: DocumentKey = { kind: "project", id: await project() };
    for (let round = 0; round < 12; round++) {
      const calls = race(20, (store) => store.document(ada, key).catch(() => null));
      await cluster.query(
        place.url,
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
      );
      await calls;
    }
    const after = await race(40, (store) => store.document(ada, key));
    expect(after.filter(isMade)).toHaveLength(40);
    const view = await stores[0]?.document(ada, key);
    const expected = view?.state.version ?? 0;
    const written = await stores[0]?.putDocument(ada, key, { ...write, expected, body: "{}" });
    expect(isMade(written)).toBeTrue();
  });
});
