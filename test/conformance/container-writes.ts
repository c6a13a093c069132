// What every Store promises of changing, moving and deleting containers.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import type { PageQuery, StatusLogColumn } from "../../src/admin/store/paging.ts";
import type { NewContainer, Scope, StoredContainer } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open } from "../harness/open-store.ts";
import { A, B, C, inRealm, nowhere, Stage } from "../harness/stage.ts";

const stop = { operation: "stop", from: ["running", "paused"], to: "stopped" };
const start = { operation: "start", from: ["stopped", "failed"], to: "running" };

export function containerWriteConformance(name: string, open: Open): void {
  describe(`${name}: writing containers`, () => {
    let stage: Stage;
    let store: Store;
    let ada: Scope;
    let bob: Scope;
    let projectId: string;

    beforeEach(async () => {
      stage = await Stage.open(open, 0);
      ({ store, ada, bob } = stage);
      projectId = await project("p", [C]);
    });

    afterEach(() => stage[Symbol.asyncDispose]());

    async function project(alias: string, realmIds: readonly string[] = []) {
      return (await stage.project(ada, { alias, realmIds })).id;
    }

    const container = (fields: Partial<NewContainer> = {}) =>
      stage.container(ada, projectId, fields);

    const nobodyIsTold = async (writing: () => Promise<unknown>) =>
      expect(await stage.toldWhile(writing)).toEqual([]);

    describe("an update", () => {
      test("changes what is sent and keeps the rest", async () => {
        const before = await container({ realmIds: [A], comment: "old" });
        stage.clock.now += 5;
        const updatedAt = new Date(stage.clock.now).toISOString();
        const renamed = await store.updateContainer(ada, before.id, { name: "other" });
        expect(renamed).toMatchObject({ container: { ...before, name: "other", updatedAt } });
        await store.updateContainer(ada, before.id, { comment: null, color: "#FFF" });
        await store.updateContainer(ada, before.id, { realmIds: [C, B] });
        const after = { name: "other", comment: null, color: "#FFF", realmIds: [B, C], updatedAt };
        expect(await store.container(ada, before.id)).toEqual({ ...before, ...after });
      });

      test("replaces the realms, and keeps the active one", async () => {
        const { id } = await container({ realmIds: [A, B] });
        const made = await store.updateContainer(inRealm(ada, A), id, { realmIds: [C] });
        expect(made).toMatchObject({ container: { realmIds: [A, C] } });
        expect(await store.container(inRealm(ada, B), id)).toBeNull();
        await store.updateContainer(inRealm(ada, A), id, { realmIds: [] });
        expect((await store.container(ada, id))?.realmIds).toEqual([A]);
      });

      test("answers, too, when it leaves the realm that was asked for", async () => {
        const { id } = await container({ realmIds: [A] });
        const asked = { ...ada, realms: [A] };
        const made = await store.updateContainer(asked, id, { realmIds: [] });
        expect(made).toMatchObject({ container: { realmIds: [] } });
        expect(await store.container(asked, id)).toBeNull();
      });

      test.each([
        ["both outside every realm", [], [], true],
        ["one realm shared", [A, B], [B, C], true],
        ["no realm shared", [A], [B], false],
        ["one outside every realm", [], [A], false],
        ["the other outside every realm", [A], [], false],
      ])("takes a name in the project: %s", async (_why, first, second, taken) => {
        await container({ name: "box", realmIds: first });
        const other = await container({ name: "other", realmIds: second });
        const made = await store.updateContainer(ada, other.id, { name: "box" });
        expect(made === "duplicate").toBe(taken);
        expect((await store.container(ada, other.id))?.name).toBe(taken ? "other" : "box");
      });

      test("takes its name along into realms, and may send its own name", async () => {
        await container({ realmIds: [A] });
        const other = await container({ realmIds: [B] });
        expect(await store.updateContainer(ada, other.id, { realmIds: [A] })).toBe("duplicate");
        expect(await store.updateContainer(ada, other.id, { realmIds: [C] })).toBeObject();
        expect(await store.updateContainer(ada, other.id, { name: "box" })).toBeObject();
        const elsewhere = await container({ projectId: await project("q"), realmIds: [A] });
        expect(await store.updateContainer(ada, elsewhere.id, { name: "box" })).toBeObject();
      });

      test("is a change, and what is refused is none", async () => {
        const { id } = await container();
        const other = await container({ name: "other" });
        const { revision } = await store.changesAfter(0);
        const made = await store.updateContainer(ada, id, { comment: "new" });
        expect(made).toMatchObject({ revision: (await store.changesAfter(0)).revision });
        expect((await store.changesAfter(revision)).containers).toMatchObject([{ id }]);
        await nobodyIsTold(async () => {
          expect(await store.updateContainer(ada, other.id, { name: "box" })).toBe("duplicate");
          expect(await store.updateContainer(ada, nowhere, { name: "box" })).toBeNull();
        });
      });
    });

    describe("deleting", () => {
      test("takes everything along, frees the name, and tells the proxies", async () => {
        const box = await container({ realmIds: [A] });
        const key = { kind: "container", id: box.id } as const;
        const document = { expected: 0, projectVersion: null, enableProxy: false };
        await store.putDocument(ada, key, { ...document, body: "{}", hooks: "{}" });
        const { revision } = await store.changesAfter(0);
        const made = await store.deleteContainer(ada, box.id);
        expect(made?.revision).toBeGreaterThan(revision);
        expect(await store.changesAfter(revision)).toMatchObject({
          revision: made?.revision ?? 0,
          projects: [],
          containers: [{ id: box.id, state: null }],
        });
        expect(await store.container(ada, box.id)).toBeNull();
        expect(await store.document(ada, key)).toBeNull();
        expect(await store.statusLogs(ada, box.id, logQuery())).toBeNull();
        expect(await store.deleteContainer(ada, box.id)).toBeNull();
        await container({ realmIds: [A] });
      });

      test("makes room in a project that is full", async () => {
        const fields = { alias: "full", color: "#000", maxContainers: 1, realmIds: [] };
        const full = await store.createProject(ada, fields);
        if (full === "duplicate") throw new Error("duplicate");
        const { id } = await container({ projectId: full.project.id });
        await store.deleteContainer(ada, id);
        await container({ projectId: full.project.id });
      });
    });

    test("a list has containers of one instant in the order in which they were made", async () => {
      const names = Array.from({ length: 9 }, (_, n) => `box-${n}`);
      for (const name of names) await container({ name });
      const all = { page: 1, limit: 100, sortBy: "created_at", projectId: null } as const;
      const listed = async (sortOrder: "asc" | "desc") =>
        (await store.containers(ada, { ...all, sortOrder })).items.map((each) => each.name);
      expect(await listed("asc")).toEqual(names);
      expect(await listed("desc")).toEqual(names.toReversed());
    });

    const logQuery = (
      fields: Partial<PageQuery<StatusLogColumn>> = {},
    ): PageQuery<StatusLogColumn> => ({
      page: 1,
      limit: 100,
      sortBy: "transition_time",
      sortOrder: "desc",
      ...fields,
    });

    describe("the status", () => {
      test("moves, with a log that says from what, how long, and why", async () => {
        const { id } = await container();
        const created = new Date(stage.clock.now).toISOString();
        stage.clock.now += 40 * 86_400_000;
        const moved = await store.moveStatus(ada, id, stop);
        const at = new Date(stage.clock.now).toISOString();
        expect(moved).toMatchObject({ container: { id, status: "stopped", updatedAt: at } });
        expect((await store.container(ada, id))?.status).toBe("stopped");
        expect(await store.statusLogs(ada, id, logQuery())).toEqual({
          total: 2,
          next: null,
          items: [
            {
              id: expect.stringMatching(/^[0-9a-f]{24}$/),
              containerId: id,
              fromStatus: "running",
              toStatus: "stopped",
              transitionTime: at,
              durationMs: 40 * 86_400_000,
              triggeredBy: "manual_operation",
              operation: "stop",
            },
            {
              id: expect.stringMatching(/^[0-9a-f]{24}$/),
              containerId: id,
              fromStatus: null,
              toStatus: "running",
              transitionTime: created,
              durationMs: null,
              triggeredBy: "container_creation",
              operation: null,
            },
          ],
        });
      });

      test("is told to the proxies, and a wrong move to nobody", async () => {
        const { id } = await container();
        const { revision } = await store.changesAfter(0);
        const moved = await store.moveStatus(ada, id, stop);
        if (moved === null || moved === "conflict") throw new Error("not moved");
        const facts = await store.changesAfter(revision);
        expect(facts.revision).toBe(moved.revision);
        expect(facts.containers).toMatchObject([{ id, state: { status: "stopped" } }]);
        await nobodyIsTold(async () => {
          expect(await store.moveStatus(ada, id, stop)).toBe("conflict");
          expect(await store.moveStatus(ada, nowhere, stop)).toBeNull();
        });
        expect((await store.statusLogs(ada, id, logQuery()))?.total).toBe(2);
      });

      test("moves for exactly one of 32 that ask at once", async () => {
        const { id } = await container();
        for (const move of [stop, start, stop]) {
          const outcomes = await Promise.all(
            Array.from({ length: 32 }, () => store.moveStatus(ada, id, move)),
          );
          expect(outcomes.filter((each) => each !== "conflict")).toHaveLength(1);
        }
      });

      test("has its thousand latest logs, of each container", async () => {
        const [box, other] = [await container(), await container({ name: "other" })];
        for (let n = 0; n < 1001; n++) {
          // A clock that runs backwards must not make the latest the oldest.
          stage.clock.now -= n % 7 === 0 ? 10 : -1;
          await store.moveStatus(ada, box.id, n % 2 === 0 ? stop : start);
        }
        const newest = await store.statusLogs(ada, box.id, logQuery({ limit: 1 }));
        expect(newest?.total).toBe(1000);
        const kept: string[] = [];
        for (let page = 1; page <= 10; page++) {
          const logs = await store.statusLogs(ada, box.id, logQuery({ page }));
          for (const { triggeredBy, durationMs } of logs?.items ?? []) {
            kept.push(triggeredBy);
            expect(durationMs).toBeGreaterThanOrEqual(0);
          }
        }
        expect(kept).toHaveLength(1000);
        expect(kept).not.toContain("container_creation");
        expect((await store.statusLogs(ada, other.id, logQuery()))?.total).toBe(1);
      }, 60_000);

      test("has logs in the order asked for, none lost between pages", async () => {
        const { id } = await container();
        for (const move of [stop, start, stop]) await store.moveStatus(ada, id, move);
        const statuses = async (fields: Partial<PageQuery<StatusLogColumn>>) => {
          const logs = await store.statusLogs(ada, id, logQuery(fields));
          return logs?.items.map((log) => log.toStatus);
        };
        // All of one instant: the order in which they were made.
        expect(await statuses({})).toEqual(["stopped", "running", "stopped", "running"]);
        expect(await statuses({ sortOrder: "asc", limit: 2 })).toEqual(["running", "stopped"]);
        expect(await statuses({ limit: 3, page: 2 })).toEqual(["running"]);
        expect(await statuses({ sortBy: "to_status", sortOrder: "asc", limit: 3 })).toEqual([
          "running",
          "running",
          "stopped",
        ]);
        expect(await statuses({ sortBy: "from_status", sortOrder: "asc", limit: 1 })).toEqual([
          "running",
        ]);
        expect(await statuses({ page: 9 })).toEqual([]);
      });
    });

    describe("where the gate dials", () => {
      const programs = { files: { port: 80, stride: 1 } };

      test("changes in parts, whosever the container is", async () => {
        const { id } = await container({ address: "10.0.0.1" });
        const changed = await store.setUpstream(id, [], { programs });
        expect(changed).toMatchObject({ address: "10.0.0.1", programs });
        const cleared = await store.setUpstream(id, [], { address: null });
        expect(cleared).toMatchObject({ address: null, programs });
        expect(await store.container(ada, id)).toMatchObject({ address: null, programs });
        const facts = await store.changesAfter((cleared?.revision ?? 0) - 1);
        expect(facts.containers).toMatchObject([{ id, state: { address: null, programs } }]);
      });

      test("is asked in a realm of what carries it", async () => {
        const { id } = await container({ realmIds: [A, B] });
        expect(await store.setUpstream(id, [A, B], { address: "10.0.0.1" })).toBeObject();
        await nobodyIsTold(async () => {
          expect(await store.setUpstream(id, [A, C], { address: "10.0.0.2" })).toBeNull();
          expect(await store.setUpstream(nowhere, [], { address: "10.0.0.2" })).toBeNull();
        });
        expect((await store.container(ada, id))?.address).toBe("10.0.0.1");
      });
    });

    describe("what is outside the scope does not exist:", () => {
      let box: StoredContainer;
      beforeEach(async () => {
        box = await container({ realmIds: [A] });
      });

      test.each([
        ["another user's", () => bob],
        ["in another realm", () => inRealm(ada, B)],
        ["in its project's realm", () => inRealm(ada, C)],
      ])("%s", async (_why, scopeFor) => {
        const scope = scopeFor();
        await nobodyIsTold(async () => {
          expect(await store.updateContainer(scope, box.id, { name: "other" })).toBeNull();
          expect(await store.deleteContainer(scope, box.id)).toBeNull();
          expect(await store.moveStatus(scope, box.id, stop)).toBeNull();
          expect(await store.statusLogs(scope, box.id, logQuery())).toBeNull();
        });
        expect(await store.container(ada, box.id)).toEqual(box);
      });

      test("a member's, below the level", async () => {
        const member = { userId: bob.userId, level: ProjectLevel.EDIT };
        await store.addMember(ada, projectId, member);
        const [editing, deleting] = [ProjectLevel.EDIT, ProjectLevel.DELETE].map((level) => ({
          ...bob,
          level,
        })) as [Scope, Scope];
        expect(await store.deleteContainer(deleting, box.id)).toBeNull();
        expect(await store.moveStatus(deleting, box.id, stop)).toBeNull();
        expect(await store.moveStatus(editing, box.id, stop)).toBeObject();
        expect(await store.updateContainer(editing, box.id, { name: "other" })).toBeObject();
      });

      test("of the project only the id is told where the realm has only the container", async () => {
        const key = { kind: "project", id: projectId } as const;
        const document = { expected: 0, projectVersion: null, enableProxy: true };
        await store.putDocument(ada, key, { ...document, body: "{}", hooks: null });
        const hidden = { projectId, projectAlias: null, hasProjectDocument: false };
        expect(await store.container(inRealm(ada, A), box.id)).toMatchObject(hidden);
        const shown = { projectId, projectAlias: "p", hasProjectDocument: true };
        expect(await store.container(ada, box.id)).toMatchObject(shown);
        const moved = await store.moveStatus(inRealm(ada, A), box.id, stop);
        expect(moved).toMatchObject({ container: hidden });
        const updated = await store.updateContainer(inRealm(ada, A), box.id, { comment: "new" });
        expect(updated).toMatchObject({ container: hidden });
      });
    });
  });
}
