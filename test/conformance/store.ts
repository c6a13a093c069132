// What every Store promises (src/admin/store/store.ts), whatever it keeps its data in.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import type { PageQuery } from "../../src/admin/store/paging.ts";
import type {
  ChangeRecords,
  DocumentKey,
  DocumentWrite,
  NewContainer,
  NewProject,
  Scope,
} from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import { randomFrom } from "../arbitrary/random.ts";
import type { Open, OpenStore } from "../harness/open-store.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const nowhere = "0".repeat(24);

/** The whole suite. */
export function storeConformance(name: string, open: Open): void {
  describe(name, () => {
    let clock: number;
    let opened: OpenStore;
    let store: Store;
    let serverId: string;
    let ada: Scope;
    let bob: Scope;

    beforeEach(async () => {
      clock = Date.UTC(2026, 0, 1);
      opened = await open(() => clock++);
      store = opened.store;
      serverId = (await store.registerServer("local")).id;
      ada = unscoped(await opened.addUser("ada"));
      bob = unscoped(await opened.addUser("bob"));
    });

    afterEach(() => opened[Symbol.asyncDispose]());

    const unscoped = (userId: string): Scope => ({
      userId,
      realmId: null,
      realms: [],
      confinedTo: null,
      level: ProjectLevel.READ,
    });
    /** The scope on a realm's host, and, with another realm, asked for what carries that one, too. */
    const inRealm = (scope: Scope, realmId: string, ...asked: string[]): Scope => ({
      ...scope,
      realmId,
      realms: [realmId, ...asked],
    });

    async function project(scope: Scope, fields: Partial<NewProject> = {}) {
      const made = await store.createProject(scope, {
        alias: "p",
        color: "#000",
        maxContainers: null,
        realmIds: [],
        ...fields,
      });
      if (made === "duplicate") throw new Error("the alias is taken");
      return made.project;
    }

    const newContainer = (projectId: string, fields: Partial<NewContainer> = {}): NewContainer => ({
      projectId,
      serverId,
      name: "box",
      color: "#000",
      realmIds: [],
      comment: null,
      address: null,
      programs: {},
      ...fields,
    });

    async function container(scope: Scope, projectId: string, fields: Partial<NewContainer> = {}) {
      const made = await store.createContainer(scope, newContainer(projectId, fields));
      if (typeof made === "string") throw new Error(made);
      return made.container;
    }

    const write = (expected: number, fields: Partial<DocumentWrite> = {}): DocumentWrite => ({
      expected,
      projectVersion: null,
      enableProxy: true,
      body: "{}",
      hooks: null,
      ...fields,
    });

    const query = <Column extends string = never>(
      fields: Partial<PageQuery<Column | "created_at">> = {},
    ): PageQuery<Column | "created_at"> => ({
      page: 1,
      limit: 100,
      sortBy: "created_at",
      sortOrder: "asc",
      ...fields,
    });

    const everyContainer = { ...query(), projectId: null };
    const revisionNow = async () => (await store.changesAfter(0)).revision;
    const ofProject = (id: string): DocumentKey => ({ kind: "project", id });
    const ofContainer = (id: string): DocumentKey => ({ kind: "container", id });

    describe("users and servers", () => {
      test("the first user is an operator, and is made once", async () => {
        await using empty = await open(() => clock++);
        const root = { username: "root", passwordHash: "hash" };
        expect(await empty.store.createFirstUser(root)).toBeTrue();
        expect(await empty.store.createFirstUser({ ...root, username: "eve" })).toBeFalse();
        expect(await empty.store.userForLogin({ username: "eve" })).toBeNull();
        const made = await empty.store.userForLogin({ username: "root" });
        expect(made).toMatchObject({
          username: "root",
          email: null,
          passwordHash: "hash",
          isAdmin: true,
          sessionGeneration: 0,
        });
        expect(await empty.store.userById(made?.id ?? "")).toEqual(made);
      });

      test("user names are found as they are spelled", async () => {
        expect(await store.userForLogin({ username: "ADA" })).toBeNull();
        expect(await store.userForLogin({ username: "ad_" })).toBeNull();
        expect(await store.userById(nowhere)).toBeNull();
      });

      test("a server is registered once by its name", async () => {
        expect((await store.registerServer("local")).id).toBe(serverId);
        await store.registerServer("edge");
        expect((await store.servers()).map((server) => server.name)).toEqual(["edge", "local"]);
      });
    });

    describe("a scope", () => {
      test("gives back what was made in it", async () => {
        const made = await project(ada, { alias: "mine", maxContainers: 3, realmIds: [B, A, B] });
        expect(made).toMatchObject({
          userId: ada.userId,
          alias: "mine",
          maxContainers: 3,
          realmIds: [A, B],
        });
        expect(await store.project(ada, made.id)).toEqual(made);
        const fields = {
          comment: "c",
          address: "10.0.0.1",
          programs: { files: { port: 80, stride: 1 } },
          realmIds: [B, A],
        };
        const box = await container(ada, made.id, fields);
        expect(box).toMatchObject({ ...fields, realmIds: [A, B], projectAlias: "mine" });
        expect(box).toMatchObject({ serverName: "local", status: "running", name: "box" });
        expect(await store.container(ada, box.id)).toEqual(box);
      });

      test("does not hold another user's things, whatever is asked of them", async () => {
        const { id } = await project(ada, { realmIds: [A] });
        const box = await container(ada, id, { realmIds: [A] });
        for (const scope of [bob, inRealm(bob, A)]) {
          expect(await store.project(scope, id)).toBeNull();
          expect(await store.container(scope, box.id)).toBeNull();
          expect(await store.projects(scope, query())).toEqual({ items: [], total: 0, next: null });
          expect(await store.containers(scope, everyContainer)).toEqual({
            items: [],
            total: 0,
            next: null,
          });
          const inProject = { ...query(), projectId: id };
          expect(await store.containers(scope, inProject)).toEqual({
            items: [],
            total: 0,
            next: null,
          });
          for (const key of [ofProject(id), ofContainer(box.id)]) {
            expect(await store.document(scope, key)).toBeNull();
            expect(await store.putDocument(scope, key, write(0))).toBeNull();
          }
          expect(await store.createContainer(scope, newContainer(id))).toBe("no_project");
        }
      });

      test("with a realm does not hold what is outside the realm", async () => {
        const inside = await project(ada, { alias: "in", realmIds: [A, B] });
        const outside = await project(ada, { alias: "out", realmIds: [B] });
        const plain = await project(ada, { alias: "plain" });
        const boxes = [
          await container(ada, inside.id, { name: "both", realmIds: [A, B] }),
          await container(ada, inside.id, { name: "one", realmIds: [B] }),
          await container(ada, inside.id, { name: "none" }),
        ];
        const scope = inRealm(ada, A);
        expect((await store.projects(scope, query())).items).toEqual([inside]);
        expect((await store.projects(scope, query())).total).toBe(1);
        const seen = await store.containers(scope, everyContainer);
        expect([seen.items.map((each) => each.name), seen.total]).toEqual([["both"], 1]);
        for (const { id } of [outside, plain]) {
          expect(await store.project(scope, id)).toBeNull();
          expect(await store.document(scope, ofProject(id))).toBeNull();
          expect(await store.putDocument(scope, ofProject(id), write(0))).toBeNull();
          expect(await store.createContainer(scope, newContainer(id))).toBe("no_project");
        }
        for (const box of boxes.slice(1)) {
          expect(await store.container(scope, box.id)).toBeNull();
          expect(await store.document(scope, ofContainer(box.id))).toBeNull();
          expect(await store.putDocument(scope, ofContainer(box.id), write(0))).toBeNull();
        }
      });

      test("with a realm puts what is made in it into the realm", async () => {
        const made = await project(inRealm(ada, A), { realmIds: [B] });
        expect(made.realmIds).toEqual([A, B]);
        const box = await container(inRealm(ada, A), made.id, { realmIds: [A] });
        expect(box.realmIds).toEqual([A]);
        expect(await store.project(inRealm(ada, A), made.id)).toEqual(made);
        expect(await store.container(inRealm(ada, A), box.id)).toEqual(box);
      });

      test("answers alike for what is outside and what is nowhere", async () => {
        const outside = await project(ada, { realmIds: [B] });
        const scope = inRealm(ada, A);
        for (const id of [outside.id, nowhere, "", "x' or 1=1 --"]) {
          expect(await store.project(scope, id)).toBeNull();
          expect(await store.container(scope, id)).toBeNull();
          expect(await store.document(scope, ofProject(id))).toBeNull();
          expect(await store.createContainer(scope, newContainer(id))).toBe("no_project");
        }
      });
    });

    describe("pages", () => {
      test("are cut out of the scope's own list, in the order asked for", async () => {
        for (let index = 0; index < 5; index++) {
          await project(ada, { alias: `p${index}`, realmIds: index % 2 === 0 ? [A] : [B] });
          await project(bob, { alias: `q${index}`, realmIds: [A] });
        }
        const page = async (scope: Scope, fields: Parameters<typeof query<"alias">>[0]) => {
          const { items, total } = await store.projects(scope, query<"alias">(fields));
          return [items.map(({ alias }) => alias), total];
        };
        expect(await page(ada, { limit: 2 })).toEqual([["p0", "p1"], 5]);
        expect(await page(ada, { limit: 2, page: 3 })).toEqual([["p4"], 5]);
        expect(await page(ada, { limit: 2, page: 4 })).toEqual([[], 5]);
        expect(await page(ada, { limit: 2, sortOrder: "desc" })).toEqual([["p4", "p3"], 5]);
        expect(await page(ada, { sortBy: "alias", sortOrder: "desc", limit: 1 })).toEqual([
          ["p4"],
          5,
        ]);
        expect(await page({ ...ada, realms: [A] }, {})).toEqual([["p0", "p2", "p4"], 3]);
        expect(await page(inRealm(ada, A), {})).toEqual([["p0", "p2", "p4"], 3]);
        expect(await page(inRealm(ada, A, B), {})).toEqual([[], 0]);
        expect(await page(inRealm(ada, A), { limit: 1, page: 2 })).toEqual([["p2"], 3]);
      });

      test("neither lose nor repeat entries of one instant", async () => {
        const { id } = await project(ada);
        const at = clock;
        for (let index = 0; index < 9; index++) {
          clock = at;
          await container(ada, id, { name: `box${index}` });
        }
        const names: string[] = [];
        for (let page = 1; page <= 3; page++) {
          const asked = { ...query({ page, limit: 3 }), projectId: id };
          for (const { name } of (await store.containers(ada, asked)).items) names.push(name);
        }
        expect(names.toSorted()).toEqual(Array.from({ length: 9 }, (_, index) => `box${index}`));
      });

      test("of containers are of one project when it is named", async () => {
        const one = await project(ada, { alias: "one" });
        const two = await project(ada, { alias: "two" });
        await container(ada, one.id, { name: "of-one" });
        await container(ada, two.id, { name: "of-two" });
        const asked = { ...query(), projectId: two.id };
        const { items, total } = await store.containers(ada, asked);
        expect([items.map(({ name }) => name), total]).toEqual([["of-two"], 1]);
        expect((await store.containers(ada, everyContainer)).total).toBe(2);
      });
    });

    describe("an alias", () => {
      test.each([
        ["both outside every realm", [], [], true],
        ["one realm shared", [A], [A], true],
        ["one of several shared", [A, B], [B], true],
        ["no realm shared", [A], [B], false],
        ["one outside every realm", [], [A], false],
        ["the other outside every realm", [A], [], false],
      ])("%s", async (_why, first, second, taken) => {
        await project(ada, { alias: "api", realmIds: first });
        const fields = { alias: "api", color: "#000", maxContainers: null, realmIds: second };
        const made = await store.createProject(ada, fields);
        expect(made === "duplicate").toBe(taken);
        expect((await store.projects(ada, query())).total).toBe(taken ? 1 : 2);
        expect(await store.createProject(bob, fields)).not.toBe("duplicate");
      });

      test("is compared with the realm that the scope adds", async () => {
        await project(ada, { alias: "api", realmIds: [A] });
        const fields = { alias: "api", color: "#000", maxContainers: null, realmIds: [] };
        expect(await store.createProject(inRealm(ada, A), fields)).toBe("duplicate");
        expect(await store.createProject(inRealm(ada, B), fields)).not.toBe("duplicate");
      });

      test("is itself and no pattern", async () => {
        await project(ada, { alias: "a_c" });
        await project(ada, { alias: "abc" });
        await project(ada, { alias: "A_C" });
        await project(ada, { alias: "%" });
        expect((await store.projects(ada, query())).total).toBe(4);
      });
    });

    describe("a container is not made", () => {
      test("in a project that is full, in whatever realm its containers are", async () => {
        const { id } = await project(ada, { maxContainers: 2, realmIds: [A] });
        await container(ada, id, { name: "one" });
        await container(ada, id, { name: "two", realmIds: [A] });
        const asked = newContainer(id, { name: "three" });
        expect(await store.createContainer(ada, asked)).toBe("quota");
        expect(await store.createContainer(inRealm(ada, A), asked)).toBe("quota");
      });

      test("in a project with room for none", async () => {
        const { id } = await project(ada, { maxContainers: 0 });
        expect(await store.createContainer(ada, newContainer(id))).toBe("quota");
      });

      test("under a name that the project has where both are seen; another project may have it", async () => {
        const one = await project(ada, { alias: "one", realmIds: [A] });
        const two = await project(ada, { alias: "two" });
        await container(ada, one.id, { realmIds: [A, B] });
        const again = newContainer(one.id);
        expect(await store.createContainer(inRealm(ada, A), again)).toBe("duplicate");
        const shared = { ...again, realmIds: [B] };
        expect(await store.createContainer(ada, shared)).toBe("duplicate");
        await container(ada, one.id);
        expect(await store.createContainer(ada, again)).toBe("duplicate");
        await container(ada, two.id);
        await container(ada, one.id, { name: "BOX" });
      });

      test("and then nothing of it stays: no row, no revision, nobody told", async () => {
        const { id } = await project(ada, { maxContainers: 1 });
        await container(ada, id);
        const before = await store.changesAfter(0);
        const told: number[] = [];
        store.onCommit((revision) => told.push(revision));
        expect(await store.createContainer(ada, newContainer(id, { name: "two" }))).toBe("quota");
        expect(await store.createContainer(bob, newContainer(id))).toBe("no_project");
        expect((await store.containers(ada, everyContainer)).total).toBe(1);
        expect(await store.changesAfter(0)).toEqual(before);
        expect(told).toEqual([]);
      });
    });

    describe("a write that fails half-way", () => {
      /** Breaks the second table that the write touches, after the first has taken its row. */
      const broken = [null as unknown as string];

      test("leaves no project behind", async () => {
        const before = await store.changesAfter(0);
        const told: number[] = [];
        store.onCommit((revision) => told.push(revision));
        const fields = { alias: "p", color: "#000", maxContainers: null, realmIds: broken };
        await expect(store.createProject(ada, fields)).rejects.toThrow();
        expect((await store.projects(ada, query())).total).toBe(0);
        expect(await store.changesAfter(0)).toEqual(before);
        expect(told).toEqual([]);
        await project(ada);
      });

      test("leaves no container behind", async () => {
        const { id } = await project(ada, { maxContainers: 1 });
        const before = await store.changesAfter(0);
        await expect(
          store.createContainer(ada, newContainer(id, { realmIds: broken })),
        ).rejects.toThrow();
        await expect(
          store.createContainer(ada, newContainer(id, { serverId: nowhere })),
        ).rejects.toThrow();
        expect((await store.containers(ada, everyContainer)).total).toBe(0);
        expect(await store.changesAfter(0)).toEqual(before);
        await container(ada, id);
      });
    });

    describe("a document", () => {
      let key: DocumentKey;
      let box: DocumentKey;

      beforeEach(async () => {
        const { id } = await project(ada);
        key = ofProject(id);
        box = ofContainer((await container(ada, id)).id);
      });

      test("that was never written has version 0 and nothing in it", async () => {
        const never = { version: 0, enableProxy: true, body: null, hooks: null };
        for (const each of [key, box]) {
          const view = await store.document(ada, each);
          expect(view).toEqual({
            projectId: key.id,
            state: never,
            projectState: never,
            reachesBeyond: false,
          });
        }
      });

      test("is what was written last, with the project's beside a container's", async () => {
        await store.putDocument(ada, key, write(0, { body: '{"é":1}', enableProxy: false }));
        await store.putDocument(ada, box, write(0, { body: "{}", hooks: '{"http":[]}' }));
        expect(await store.document(ada, box)).toEqual({
          projectId: key.id,
          state: { version: 1, enableProxy: true, body: "{}", hooks: '{"http":[]}' },
          projectState: { version: 1, enableProxy: false, body: '{"é":1}', hooks: null },
          reachesBeyond: false,
        });
        expect((await store.document(ada, key))?.state.body).toBe('{"é":1}');
      });

      test("shows in its containers", async () => {
        const shown = async () => {
          const { hasOwnDocument, hasProjectDocument } = (await store.container(ada, box.id)) ?? {};
          return [hasOwnDocument, hasProjectDocument];
        };
        expect(await shown()).toEqual([false, false]);
        await store.putDocument(ada, box, write(0, { body: null, enableProxy: false }));
        expect(await shown()).toEqual([false, false]);
        await store.putDocument(ada, key, write(0));
        expect(await shown()).toEqual([false, true]);
        await store.putDocument(ada, box, write(1));
        await store.putDocument(ada, key, write(1, { body: null }));
        expect(await shown()).toEqual([true, false]);
      });

      test.each([
        ["older", 0],
        ["newer", 2],
        ["negative", -1],
      ])("does not take a write that saw an %s version", async (_why, expected) => {
        await store.putDocument(ada, key, write(0, { body: "first" }));
        const before = await store.changesAfter(0);
        expect(await store.putDocument(ada, key, write(expected))).toBe("stale");
        expect(await store.changesAfter(0)).toEqual(before);
        expect((await store.document(ada, key))?.state).toMatchObject({
          version: 1,
          body: "first",
        });
      });

      test("does not take a write made from a project's document that moved on", async () => {
        await store.putDocument(ada, key, write(0));
        const before = await store.changesAfter(0);
        const moved = write(0, { projectVersion: 0 });
        expect(await store.putDocument(ada, box, moved)).toBe("moved");
        expect(await store.changesAfter(0)).toEqual(before);
        const again = await store.putDocument(ada, box, { ...moved, projectVersion: 1 });
        expect(again).toMatchObject({ version: 1 });
      });

      test("that is stale is stale before it has moved", async () => {
        await store.putDocument(ada, key, write(0));
        await store.putDocument(ada, box, write(0));
        const both = write(0, { projectVersion: 0 });
        expect(await store.putDocument(ada, box, both)).toBe("stale");
      });

      test("of nothing is gone", async () => {
        for (const gone of [ofProject(nowhere), ofContainer(nowhere)]) {
          expect(await store.document(ada, gone)).toBeNull();
          expect(await store.putDocument(ada, gone, write(0))).toBeNull();
        }
        expect(await store.document(ada, ofContainer(key.id))).toBeNull();
        expect(await store.document(ada, ofProject(box.id))).toBeNull();
      });

      test("never has a version twice, not even when it was deleted and made again", async () => {
        const bodies = ["{}", null, "{}", null, null, "{}"];
        const versions: number[] = [];
        for (const [expected, body] of bodies.entries()) {
          const written = await store.putDocument(ada, key, write(expected, { body }));
          if (written === null || typeof written === "string") throw new Error(`${written}`);
          versions.push(written.version);
        }
        expect(versions).toEqual([1, 2, 3, 4, 5, 6]);
        expect(await store.putDocument(ada, key, write(0))).toBe("stale");
      });

      test("takes exactly one of 64 writers that saw the same version, round after round", async () => {
        for (let expected = 0; expected < 8; expected++) {
          const outcomes = await Promise.all(
            Array.from({ length: 64 }, async (_, writer) => {
              if (writer % 2 === 0) await null;
              const fields = { body: `{"writer":${writer}}` };
              return {
                writer,
                written: await store.putDocument(ada, key, write(expected, fields)),
              };
            }),
          );
          const winners = outcomes.filter(({ written }) => typeof written === "object");
          expect(winners).toHaveLength(1);
          const lost = outcomes.filter(({ written }) => written === "stale");
          expect(lost).toHaveLength(63);
          expect((await store.document(ada, key))?.state).toEqual({
            version: expected + 1,
            enableProxy: true,
            body: `{"writer":${winners[0]?.writer}}`,
            hooks: null,
          });
        }
      });
    });

    describe("revisions", () => {
      test("grow with each write, are told after the commit, and only then", async () => {
        const told: { revision: number; facts: Promise<ChangeRecords> }[] = [];
        const stop = store.onCommit((revision) =>
          told.push({ revision, facts: store.changesAfter(revision - 1) }),
        );
        const made = await store.createProject(ada, {
          alias: "p",
          color: "#000",
          maxContainers: null,
          realmIds: [],
        });
        if (made === "duplicate") throw new Error("duplicate");
        const { id } = made.project;
        const box = await store.createContainer(ada, newContainer(id));
        if (typeof box === "string") throw new Error(box);
        const written = await store.putDocument(ada, ofProject(id), write(0));
        if (written === null || typeof written === "string") throw new Error(`${written}`);
        await store.putDocument(ada, ofProject(id), write(0));
        const revisions = [made.revision, box.revision, written.revision];
        expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
        expect(revisions[0]).toBeGreaterThan(0);
        expect(told.map(({ revision }) => revision)).toEqual(revisions);
        for (const { revision, facts } of told) {
          const { projects, containers, ...seen } = await facts;
          expect(seen.revision).toBe(revision);
          expect(projects.length + containers.length).toBe(1);
        }
        stop();
        await store.putDocument(ada, ofProject(id), write(1));
        expect(told).toHaveLength(3);
      });

      test("reading makes none", async () => {
        const { id } = await project(ada);
        const before = await revisionNow();
        await store.document(ada, ofProject(id));
        await store.projects(ada, query());
        await store.changesAfter(0);
        expect(await revisionNow()).toBe(before);
      });

      test("an empty store is at revision 0", async () => {
        expect(await store.changesAfter(0)).toEqual({
          revision: 0,
          lineages: [],
          isAll: true,
          projects: [],
          containers: [],
        });
      });

      test("the facts are all that a proxy needs, of all users", async () => {
        const { id } = await project(ada);
        const fields = { address: "10.0.0.1", programs: { files: { port: 80, stride: 0 } } };
        const box = await container(ada, id, fields);
        const other = await project(bob, { realmIds: [A] });
        await store.putDocument(ada, ofProject(id), write(0, { enableProxy: false, body: null }));
        await store.putDocument(ada, ofContainer(box.id), write(0, { body: "box" }));
        const facts = await store.changesAfter(0);
        expect(facts.projects.toSorted((a, b) => a.id.localeCompare(b.id))).toEqual(
          [
            { id, state: { userId: ada.userId, enableProxy: false, body: null } },
            { id: other.id, state: { userId: bob.userId, enableProxy: true, body: null } },
          ].toSorted((a, b) => a.id.localeCompare(b.id)),
        );
        expect(facts.containers).toEqual([
          {
            id: box.id,
            state: {
              projectId: id,
              serverName: "local",
              status: "running",
              ...fields,
              enableProxy: true,
              body: "box",
              hooks: null,
              aliases: [],
            },
          },
        ]);
        expect(await store.changesAfter(facts.revision)).toEqual({
          revision: facts.revision,
          lineages: facts.lineages,
          isAll: false,
          projects: [],
          containers: [],
        });
        expect(await store.changesAfter(facts.revision + 100)).toMatchObject({ projects: [] });
      });

      test.each([1, 2, 3])(
        "replaying the changes is loading from scratch (seed %d)",
        async (seed) => {
          const random = randomFrom(seed);
          const keys: DocumentKey[] = [];
          const replica = newReplica();
          const rarely = newReplica();
          for (let step = 0; step < 120; step++) {
            const known = keys.length > 0 ? random.pick(keys) : null;
            if (known === null || random.chance(0.1)) {
              keys.push(ofProject((await project(ada, { alias: `p${step}` })).id));
            } else if (known.kind === "project" && random.chance(0.3)) {
              keys.push(ofContainer((await container(ada, known.id, { name: `box${step}` })).id));
            } else {
              const version = (await store.document(ada, known))?.state.version ?? 0;
              const body = random.chance(0.3) ? null : `{"step":${step}}`;
              const enableProxy = random.chance(0.8);
              const stale = random.chance(0.1) ? 1 : 0;
              await store.putDocument(ada, known, write(version - stale, { body, enableProxy }));
            }
            await follow(store, replica);
            if (random.chance(0.1)) await follow(store, rarely);
          }
          await follow(store, rarely);
          const scratch = newReplica();
          await follow(store, scratch);
          expect(replica).toEqual(scratch);
          expect(rarely).toEqual(scratch);
        },
      );
    });

    test("all of it is there after closing and opening again, and goes on from there", async () => {
      const { id } = await project(ada, { realmIds: [A], maxContainers: 2 });
      const box = await container(ada, id, { programs: { files: { port: 80, stride: 0 } } });
      await store.putDocument(ada, ofProject(id), write(0, { body: "kept" }));
      await store.putDocument(
        ada,
        ofContainer(box.id),
        write(0, { enableProxy: false, body: null }),
      );
      const read = async () => [
        await store.userById(ada.userId),
        await store.servers(),
        await store.project(ada, id),
        await store.container(ada, box.id),
        await store.document(ada, ofProject(id)),
        await store.document(ada, ofContainer(box.id)),
        await store.changesAfter(0),
      ];
      const before = await read();
      const revision = await revisionNow();

      store = await opened.reopen();
      expect(await read()).toEqual(before);
      expect(await store.createFirstUser({ username: "eve", passwordHash: "" })).toBeFalse();
      expect((await store.registerServer("local")).id).toBe(serverId);
      expect(await store.putDocument(ada, ofProject(id), write(0))).toBe("stale");
      const written = await store.putDocument(ada, ofProject(id), write(1));
      expect(written).toMatchObject({ version: 2 });
      expect(await revisionNow()).toBeGreaterThan(revision);
    });
  });
}

/** What somebody knows who follows the changes. */
interface Replica {
  revision: number;
  readonly projects: Map<string, unknown>;
  readonly containers: Map<string, unknown>;
}

function newReplica(): Replica {
  return { revision: 0, projects: new Map(), containers: new Map() };
}

async function follow(store: Store, replica: Replica): Promise<void> {
  const facts = await store.changesAfter(replica.revision);
  replica.revision = facts.revision;
  for (const kind of ["projects", "containers"] as const) {
    for (const { id, state } of facts[kind]) {
      if (state === null) replica[kind].delete(id);
      else replica[kind].set(id, state);
    }
  }
}
