// What every Store promises of aliases.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import type { AliasQuery, NewAlias, Scope, StoredAlias } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open } from "../harness/open-store.ts";
import { A, B, inRealm, nowhere, Stage } from "../harness/stage.ts";

const everything: AliasQuery = {
  projectId: null,
  containerId: null,
  enabled: null,
  expired: null,
};

export function aliasConformance(name: string, open: Open): void {
  describe(`${name}: aliases`, () => {
    let stage: Stage;
    let store: Store;
    let here: string;
    let ada: Scope;
    let bob: Scope;

    beforeEach(async () => {
      stage = await Stage.open(open, 0);
      ({ store, ada, bob, serverId: here } = stage);
    });

    afterEach(() => stage[Symbol.asyncDispose]());

    async function project(scope: Scope, alias = "p", realmIds: readonly string[] = []) {
      return (await stage.project(scope, { alias, realmIds })).id;
    }

    let boxes = 0;
    async function container(
      scope: Scope,
      projectId: string,
      { serverId = here, realmIds = [] as readonly string[] } = {},
    ) {
      const fields = { serverId, realmIds, name: `box-${++boxes}` };
      return (await stage.container(scope, projectId, fields)).id;
    }

    const box = async (scope: Scope, alias?: string) =>
      container(scope, await project(scope, alias));

    const newAlias = (containerId: string, fields: Partial<NewAlias> = {}): NewAlias => ({
      containerId,
      alias: "shop",
      program: "http",
      instance: 3000,
      targetPath: null,
      allowPathOverride: true,
      expiresAt: null,
      enabled: true,
      ...fields,
    });

    async function alias(scope: Scope, containerId: string, fields: Partial<NewAlias> = {}) {
      const made = await store.createAlias(scope, newAlias(containerId, fields));
      if (made === null || typeof made === "string") throw new Error(String(made));
      return made.alias;
    }

    const names = async (scope: Scope, query: Partial<AliasQuery> = {}) => {
      const { items, total } = await store.aliases(scope, { ...everything, ...query });
      expect(total).toBe(items.length);
      return items.map((each) => each.alias);
    };

    describe("a name is free again", () => {
      test.each([
        [
          "its container is deleted",
          (made: StoredAlias) => store.deleteContainer(ada, made.containerId),
        ],
        ["its project is deleted", (made: StoredAlias) => store.deleteProject(ada, made.projectId)],
        ["it is deleted itself", (made: StoredAlias) => store.deleteAlias(ada, made.id)],
        [
          "it takes another name",
          (made: StoredAlias) => store.updateAlias(ada, made.id, { alias: "other" }),
        ],
      ])("once %s", async (_why, free) => {
        const made = await alias(ada, await box(ada));
        const foreign = await box(bob);
        expect(await store.createAlias(bob, newAlias(foreign))).toBe("server");
        expect(await free(made)).toBeObject();
        expect((await alias(bob, foreign)).alias).toBe("shop");
        if ((await store.alias(ada, made.id))?.alias !== "other") {
          expect(await store.alias(ada, made.id)).toBeNull();
        }
      });

      test("and not while it is off, or over", async () => {
        const [mine, foreign] = [await box(ada), await box(bob)];
        const expiresAt = new Date(stage.clock.now + 1).toISOString();
        await alias(ada, mine, { alias: "off", enabled: false });
        await alias(ada, mine, { alias: "over", expiresAt });
        stage.clock.now += 5;
        for (const taken of ["off", "over"]) {
          expect(await store.createAlias(bob, newAlias(foreign, { alias: taken }))).toBe("server");
        }
      });
    });

    describe("a name is taken", () => {
      test("once on a server, whoever has it", async () => {
        await alias(ada, await box(ada));
        const foreign = newAlias(await box(bob));
        expect(await store.createAlias(bob, foreign)).toBe("server");
        expect(await names(bob)).toEqual([]);
      });

      test("once in an account, on whatever server", async () => {
        const there = (await store.registerServer("edge")).id;
        const projectId = await project(ada);
        await alias(ada, await container(ada, projectId));
        const elsewhere = newAlias(await container(ada, projectId, { serverId: there }));
        expect(await store.createAlias(ada, elsewhere)).toBe("account");
        const foreign = await container(bob, await project(bob), { serverId: there });
        expect((await alias(bob, foreign)).serverName).toBe("edge");
      });

      test("in the account of the project's owner, whoever makes it", async () => {
        const there = (await store.registerServer("edge")).id;
        const shared = await project(ada, "shared");
        const member = { userId: bob.userId, level: ProjectLevel.EDIT };
        await store.addMember(ada, shared, member);
        const made = await alias(bob, await container(ada, shared));
        expect(made.userId).toBe(ada.userId);
        const own = await container(bob, await project(bob), { serverId: there });
        expect(await store.createAlias(bob, newAlias(own))).toBeObject();
      });

      test("when another takes it, too, and keeps it when nothing else does", async () => {
        const containerId = await box(ada);
        const first = await alias(ada, containerId);
        const second = await alias(ada, containerId, { alias: "second" });
        expect(await store.updateAlias(ada, second.id, { alias: "shop" })).toBe("server");
        expect((await store.alias(ada, second.id))?.alias).toBe("second");
        const same = await store.updateAlias(ada, first.id, { alias: "shop", instance: 80 });
        expect(same).toMatchObject({ alias: { alias: "shop", instance: 80 } });
      });

      test("by exactly one of 64 that want it at once, round after round", async () => {
        const places = [await box(ada), await box(bob)] as const;
        for (let round = 0; round < 4; round++) {
          const outcomes = await Promise.all(
            Array.from({ length: 64 }, async (_, writer) => {
              if (writer % 3 === 0) await null;
              const scope = writer % 2 === 0 ? ada : bob;
              const wanted = newAlias(places[writer % 2 === 0 ? 0 : 1], { alias: `r-${round}` });
              return store.createAlias(scope, wanted);
            }),
          );
          expect(outcomes.filter((each) => each !== "server")).toHaveLength(1);
        }
        expect([...(await names(ada)), ...(await names(bob))].sort()).toEqual(
          Array.from({ length: 4 }, (_, round) => `r-${round}`),
        );
      });
    });

    test("an alias is what was written, and what was changed of it", async () => {
      const containerId = await box(ada, "store");
      const fields = {
        targetPath: "/a?b=c",
        allowPathOverride: false,
        expiresAt: new Date(stage.clock.now + 1000).toISOString(),
        enabled: false,
      };
      const made = await alias(ada, containerId, fields);
      const at = new Date(stage.clock.now).toISOString();
      expect(made).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{24}$/),
        userId: ada.userId,
        projectId: expect.any(String),
        projectAlias: "store",
        containerId,
        containerName: `box-${boxes}`,
        serverId: here,
        serverName: "local",
        alias: "shop",
        program: "http",
        instance: 3000,
        ...fields,
        createdAt: at,
        updatedAt: at,
      });
      expect(await store.alias(ada, made.id)).toEqual(made);
      stage.clock.now += 5;
      const change = { program: "files", instance: 2, targetPath: null, expiresAt: null };
      const changed = await store.updateAlias(ada, made.id, change);
      const updatedAt = new Date(stage.clock.now).toISOString();
      expect(changed).toMatchObject({ alias: { ...made, ...change, updatedAt } });
      expect(await store.alias(ada, made.id)).toEqual({ ...made, ...change, updatedAt });
    });

    test("a container has at most 32, and has room again for each that goes", async () => {
      const containerId = await box(ada);
      const made: StoredAlias[] = [];
      for (let n = 0; n < 32; n++) made.push(await alias(ada, containerId, { alias: `n-${n}` }));
      const next = newAlias(containerId);
      expect(await store.createAlias(ada, next)).toBe("limit");
      expect((await store.container(ada, containerId))?.aliasCount).toBe(32);
      await store.deleteAlias(ada, made[7]?.id ?? "");
      expect(await store.createAlias(ada, next)).toBeObject();
      expect(await store.createAlias(ada, { ...next, alias: "another" })).toBe("limit");
    });

    describe("a list", () => {
      test("is newest first, and what was asked for", async () => {
        const one = await project(ada, "one");
        const [first, second] = [await container(ada, one), await box(ada, "two")];
        const expiresAt = new Date(stage.clock.now + 10).toISOString();
        await alias(ada, first, { alias: "a" });
        stage.clock.now += 1;
        await alias(ada, first, { alias: "b", enabled: false });
        await alias(ada, second, { alias: "c", expiresAt });
        expect(await names(ada)).toEqual(["c", "b", "a"]);
        expect(await names(ada, { projectId: one })).toEqual(["b", "a"]);
        expect(await names(ada, { containerId: second })).toEqual(["c"]);
        expect(await names(ada, { enabled: true })).toEqual(["c", "a"]);
        expect(await names(ada, { enabled: false })).toEqual(["b"]);
        expect(await names(ada, { expired: true })).toEqual([]);
        stage.clock.now = Date.parse(expiresAt);
        expect(await names(ada, { expired: true })).toEqual(["c"]);
        expect(await names(ada, { expired: false })).toEqual(["b", "a"]);
        expect(await names(ada, { containerId: first, enabled: true, expired: false })).toEqual([
          "a",
        ]);
      });

      test("shows a thousand and counts them all", async () => {
        const projectId = await project(ada);
        for (let n = 0; n < 32; n++) {
          const containerId = await container(ada, projectId);
          for (let m = 0; m < 32; m++) await alias(ada, containerId, { alias: `n-${n * 32 + m}` });
        }
        const { items, total } = await store.aliases(ada, everything);
        expect([items.length, total]).toEqual([1000, 1024]);
        expect([items[0]?.alias, items[999]?.alias]).toEqual(["n-1023", "n-24"]);
      }, 60_000);
    });

    describe("aliases of containers outside the scope do not exist:", () => {
      let made: StoredAlias;

      beforeEach(async () => {
        made = await alias(
          ada,
          await container(ada, await project(ada, "p", [B]), { realmIds: [A] }),
        );
      });

      test.each([
        ["another user's", () => bob],
        ["in another realm", () => inRealm(ada, B)],
        ["in two realms", () => ({ ...ada, realms: [A, B] })],
      ])("%s", async (_why, scopeFor) => {
        const scope = scopeFor();
        const told: number[] = [];
        store.onCommit((revision) => told.push(revision));
        expect(await store.alias(scope, made.id)).toBeNull();
        expect(await store.access(scope, { kind: "alias", id: made.id })).toBeNull();
        expect(await store.updateAlias(scope, made.id, { enabled: false })).toBeNull();
        expect(await store.deleteAlias(scope, made.id)).toBeNull();
        const another = newAlias(made.containerId, { alias: "another" });
        expect(await store.createAlias(scope, another)).toBeNull();
        expect(await names(scope)).toEqual([]);
        expect(await names(scope, { containerId: made.containerId })).toEqual([]);
        expect(await store.alias(ada, made.id)).toEqual(made);
        expect(told).toEqual([]);
      });

      test("a member's, below the level", async () => {
        const member = { userId: bob.userId, level: ProjectLevel.READ };
        await store.addMember(ada, made.projectId, member);
        const editing = { ...bob, level: ProjectLevel.EDIT };
        expect(await store.alias(bob, made.id)).toEqual(made);
        expect(await store.updateAlias(editing, made.id, { enabled: false })).toBeNull();
        expect(await store.deleteAlias(editing, made.id)).toBeNull();
        expect(await store.createAlias(editing, newAlias(made.containerId))).toBeNull();
      });

      test("the project's alias is not told where only the container is in the realm", async () => {
        const seen = await store.alias(inRealm(ada, A), made.id);
        expect(seen).toEqual({ ...made, projectAlias: null });
        expect((await store.aliases(inRealm(ada, A), everything)).items).toEqual([
          seen as StoredAlias,
        ]);
      });
    });

    test("each write is a change of the container, and what is refused is none", async () => {
      const containerId = await box(ada);
      const told: number[] = [];
      store.onCommit((revision) => told.push(revision));
      const created = await store.createAlias(ada, newAlias(containerId));
      if (created === null || typeof created === "string") throw new Error("not made");
      const updated = await store.updateAlias(ada, created.alias.id, { enabled: false });
      if (updated === null || typeof updated === "string") throw new Error("not changed");
      const before = await store.changesAfter(created.revision);
      expect(before.containers.map(({ id }) => id)).toEqual([containerId]);
      expect(await store.createAlias(ada, newAlias(containerId))).toBe("server");
      expect(await store.updateAlias(ada, nowhere, { enabled: false })).toBeNull();
      expect(await store.deleteAlias(ada, nowhere)).toBeNull();
      const deleted = await store.deleteAlias(ada, created.alias.id);
      expect(told).toEqual([created.revision, updated.revision, deleted?.revision ?? 0]);
      expect(told).toEqual([...new Set(told)].toSorted((a, b) => a - b));
    });
  });
}
