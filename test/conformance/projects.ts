// What every Store promises of changing and deleting projects, and of who may.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import type { Scope, StoredProject } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open } from "../harness/open-store.ts";
import { A, B, C, confined, inRealm, nowhere, pageOf, Stage } from "../harness/stage.ts";

export function projectConformance(name: string, open: Open): void {
  let stage: Stage;
  let store: Store;
  let ada: Scope;
  let bob: Scope;

  beforeEach(async () => {
    stage = await Stage.open(open);
    ({ store, ada, bob } = stage);
  });

  afterEach(() => stage[Symbol.asyncDispose]());

  describe(`${name}: updating a project`, () => {
    test("changes what is sent and keeps the rest", async () => {
      const before = await stage.project(ada, { realmIds: [A], maxContainers: 3 });
      const updatedAt = stage.nextTime;
      const renamed = await store.updateProject(ada, before.id, { alias: "other" });
      expect(renamed).toMatchObject({ project: { ...before, alias: "other", updatedAt } });
      await store.updateProject(ada, before.id, { maxContainers: null, color: "#FFF" });
      expect(await store.project(ada, before.id)).toMatchObject({
        alias: "other",
        maxContainers: null,
        color: "#FFF",
        realmIds: [A],
        createdAt: before.createdAt,
        userId: ada.userId,
      });
    });

    test("replaces the realms, and keeps the active one", async () => {
      const { id } = await stage.project(ada, { realmIds: [A, B] });
      const made = await store.updateProject(inRealm(ada, A), id, { realmIds: [C] });
      expect(made).toMatchObject({ project: { realmIds: [A, C] } });
      expect(await store.project(inRealm(ada, B), id)).toBeNull();
      await store.updateProject(inRealm(ada, A), id, { realmIds: [] });
      expect((await store.project(ada, id))?.realmIds).toEqual([A]);
      await store.updateProject(ada, id, { realmIds: [] });
      expect((await store.project(ada, id))?.realmIds).toEqual([]);
    });

    test("answers, too, when the project leaves the realm that was asked for", async () => {
      const { id } = await stage.project(ada, { realmIds: [A] });
      const asked = { ...ada, realms: [A] };
      const made = await store.updateProject(asked, id, { realmIds: [B] });
      expect(made).toMatchObject({ project: { realmIds: [B] } });
      expect(await store.project(asked, id)).toBeNull();
    });

    test.each([
      ["both outside every realm", [], [], true],
      ["one realm shared", [A, B], [B, C], true],
      ["no realm shared", [A], [B], false],
      ["one outside every realm", [], [A], false],
      ["the other outside every realm", [A], [], false],
    ])("finds an alias taken: %s", async (_why, first, second, taken) => {
      await stage.project(ada, { alias: "api", realmIds: first });
      const other = await stage.project(ada, { alias: "other", realmIds: second });
      const made = await store.updateProject(ada, other.id, { alias: "api" });
      expect(made === "duplicate").toBe(taken);
      expect((await store.project(ada, other.id))?.alias).toBe(taken ? "other" : "api");
    });

    test("takes its alias along into realms, and may send its own", async () => {
      await stage.project(ada, { alias: "api", realmIds: [A] });
      const { id } = await stage.project(ada, { alias: "api", realmIds: [B] });
      expect(await store.updateProject(ada, id, { realmIds: [A, B] })).toBe("duplicate");
      expect((await store.project(ada, id))?.realmIds).toEqual([B]);
      expect(await store.updateProject(ada, id, { alias: "api", realmIds: [C] })).toBeObject();
      expect(await store.updateProject(inRealm(ada, C), id, { alias: "api" })).toBeObject();
    });

    test("compares with the owner's projects, whoever does it", async () => {
      const { id } = await stage.project(ada, { alias: "one" });
      await stage.project(ada, { alias: "taken" });
      await stage.project(bob, { alias: "mine" });
      await stage.member(ada, id, bob.userId, ProjectLevel.EDIT);
      const editor = { ...bob, level: ProjectLevel.EDIT };
      expect(await store.updateProject(editor, id, { alias: "taken" })).toBe("duplicate");
      expect(await store.updateProject(editor, id, { alias: "mine" })).toMatchObject({
        project: { alias: "mine", userId: ada.userId },
      });
    });

    test("is a change, and what is refused is none", async () => {
      const { id } = await stage.project(ada);
      const other = await stage.project(ada, { alias: "other" });
      const before = await stage.revision();
      const made = await store.updateProject(ada, id, { color: "#FFF" });
      expect(made).toMatchObject({ revision: await stage.revision() });
      expect((await store.changesAfter(before)).projects).toMatchObject([
        { id, state: { userId: ada.userId } },
      ]);
      const told = await stage.toldWhile(async () => {
        expect(await store.updateProject(ada, other.id, { alias: "p" })).toBe("duplicate");
        expect(await store.updateProject(ada, nowhere, { alias: "q" })).toBeNull();
        expect(await store.updateProject(bob, id, { alias: "q" })).toBeNull();
        expect(await store.updateProject(inRealm(ada, A), id, { alias: "q" })).toBeNull();
      });
      expect(told).toEqual([]);
    });
  });

  describe(`${name}: deleting a project`, () => {
    let project: StoredProject;

    beforeEach(async () => {
      project = await stage.project(ada, { realmIds: [A] });
    });

    async function alias(containerId: string, label: string): Promise<string> {
      const target = { program: "http", instance: 3000, targetPath: null };
      const state = { allowPathOverride: true, expiresAt: null, enabled: true };
      const made = await store.createAlias(ada, { containerId, alias: label, ...target, ...state });
      if (made === null || typeof made === "string") throw new Error(`${made}`);
      return made.alias.id;
    }

    async function put(kind: "project" | "container", id: string): Promise<void> {
      const document = { expected: 0, projectVersion: null, enableProxy: false, body: "{}" };
      await store.putDocument(ada, { kind, id }, { ...document, hooks: null });
    }

    test("takes everything along, tells the proxies, and counts it", async () => {
      const one = await stage.container(ada, project.id, { name: "one", realmIds: [A] });
      const two = await stage.container(ada, project.id, { name: "two" });
      const kept = await stage.container(ada, (await stage.project(ada, { alias: "q" })).id);
      const aliasId = await alias(one.id, "first");
      await alias(two.id, "second");
      const keptAlias = await alias(kept.id, "third");
      await put("project", project.id);
      await put("container", one.id);
      await put("container", kept.id);
      await stage.member(ada, project.id, bob.userId, ProjectLevel.READ);
      const before = await stage.revision();

      const made = await store.deleteProject(ada, project.id);
      expect(made).toEqual({
        deleted: {
          containers: [
            { id: one.id, name: "one" },
            { id: two.id, name: "two" },
          ],
          permissions: 1,
          aliases: 2,
        },
        revision: await stage.revision(),
        lineage: expect.stringMatching(/^[0-9a-f]{16}$/),
      });
      const facts = await store.changesAfter(before);
      expect(facts.projects).toEqual([{ id: project.id, state: null }]);
      expect(new Set(facts.containers)).toEqual(
        new Set([one, two].map(({ id }) => ({ id, state: null }))),
      );
      expect(await store.project(ada, project.id)).toBeNull();
      expect(await store.container(ada, one.id)).toBeNull();
      expect(await store.alias(ada, aliasId)).toBeNull();
      expect(await store.members(ada, project.id, pageOf())).toBeNull();
      expect(await store.deleteProject(ada, project.id)).toBeNull();
      expect(await store.container(ada, kept.id)).toMatchObject({ hasOwnDocument: true });
      expect(await store.alias(ada, keptAlias)).not.toBeNull();
    });

    test("frees its alias and its containers' aliases", async () => {
      const box = await stage.container(ada, project.id);
      await alias(box.id, "shop");
      await store.deleteProject(ada, project.id);
      const again = await stage.project(ada, { realmIds: [A] });
      await alias((await stage.container(ada, again.id)).id, "shop");
    });

    test("spares the one that came with the account", async () => {
      const account = { username: "eve", email: "eve@example.com", passwordHash: "" };
      expect(await store.createUser(account)).toBeTrue();
      const userId = (await store.userForLogin({ username: "eve" }))?.id ?? "";
      const eve = { ...ada, userId, level: ProjectLevel.DELETE };
      const [first] = (await store.projects(eve, pageOf())).items;
      expect(first?.isDefault).toBeTrue();
      const told = await stage.toldWhile(async () => {
        expect(await store.deleteProject(eve, first?.id ?? "")).toBe("default");
      });
      expect(told).toEqual([]);
      expect((await store.projects(eve, pageOf())).total).toBe(1);
    });

    test("of an unconfined caller takes what is in other realms along", async () => {
      const box = await stage.container(ada, project.id, { realmIds: [B] });
      const made = await store.deleteProject(inRealm(ada, A), project.id);
      expect(made).toMatchObject({ deleted: { containers: [{ id: box.id }] } });
      expect(await store.container(ada, box.id)).toBeNull();
    });

    test.each([
      ["the project", [A, B], [A]],
      ["a container", [A], [A, B]],
    ])("is not for a confined caller while %s is shared", async (_what, ofProject, ofBox) => {
      const { id } = await stage.project(ada, { alias: "q", realmIds: ofProject });
      const box = await stage.container(ada, id, { realmIds: ofBox });
      await stage.container(ada, id, { name: "in-A", realmIds: [A] });
      const told = await stage.toldWhile(async () => {
        expect(await store.deleteProject(confined(ada, A), id)).toBe("shared");
      });
      expect(told).toEqual([]);
      expect((await store.project(ada, id))?.realmIds).toEqual(ofProject);
      expect(await store.container(ada, box.id)).toEqual(box);
      expect((await store.containers(ada, { ...pageOf(), projectId: id })).total).toBe(2);
      expect(await store.deleteProject(confined(ada, A, B), id)).toBeObject();
    });

    describe("that holds what a confined caller does not see", () => {
      test("leaves the caller's realms, and answers as if all of it were gone", async () => {
        const answers: unknown[] = [];
        for (const hidden of [[], [null], [B]]) {
          const { id } = await stage.project(ada, { alias: `q-${hidden}`, realmIds: [A, C] });
          const box = await stage.container(ada, id, { realmIds: [A] });
          await alias(box.id, `a-${hidden.length}-${hidden[0] ?? ""}`);
          await stage.member(ada, id, bob.userId, ProjectLevel.READ);
          const kept: string[] = [];
          for (const realmId of hidden) {
            const realmIds = realmId === null ? [] : [realmId];
            kept.push((await stage.container(ada, id, { name: "hidden", realmIds })).id);
          }
          for (const each of kept) await alias(each, `h-${each}`);
          const before = await stage.revision();

          const made = await store.deleteProject(confined(ada, A, C), id);
          if (made === null || typeof made === "string") throw new Error(`${made}`);
          const { containers, ...counts } = made.deleted;
          answers.push({ ...counts, containers: containers.map(({ name }) => name) });
          expect(made.revision).toBe(await stage.revision());
          expect((await store.changesAfter(before)).containers).toEqual([
            { id: box.id, state: null },
          ]);
          expect(await store.container(ada, box.id)).toBeNull();
          const left = await store.project(ada, id);
          expect(left?.realmIds).toEqual(kept.length === 0 ? undefined : []);
          for (const each of kept) expect(await store.container(ada, each)).not.toBeNull();
          for (const realmId of [A, C]) {
            expect(await store.project(inRealm(ada, realmId), id)).toBeNull();
          }
        }
        expect(answers[0]).toEqual({ permissions: 1, aliases: 1, containers: ["box"] });
        expect(answers[1]).toEqual(answers[0]);
        expect(answers[2]).toEqual(answers[0]);
      });

      test("takes along what is in any of the caller's realms", async () => {
        const { id } = await stage.project(ada, { alias: "q", realmIds: [A, C] });
        const other = await stage.container(ada, id, { realmIds: [C] });
        const made = await store.deleteProject(confined(ada, A, C), id);
        expect(made).toMatchObject({ deleted: { containers: [{ id: other.id }] } });
        expect(await store.project(ada, id)).toBeNull();
      });

      test("keeps its document, its members, and an alias that another project has", async () => {
        await stage.project(ada, { alias: "p" });
        await put("project", project.id);
        await stage.member(ada, project.id, bob.userId, ProjectLevel.EDIT);
        await stage.container(ada, project.id);
        await store.deleteProject(confined(ada, A), project.id);
        const left = await store.document(bob, { kind: "project", id: project.id });
        expect(left?.state).toMatchObject({ version: 1, enableProxy: false });
        // Its alias is taken where it is now; the rest of it can still be changed.
        const same = { alias: "p", color: "#FFF" };
        expect(await store.updateProject(ada, project.id, same)).toBeObject();
        expect(await store.updateProject(ada, project.id, { alias: "q" })).toBeObject();
        expect(await store.updateProject(ada, project.id, { alias: "p" })).toBe("duplicate");
      });
    });
  });

  describe(`${name}: access`, () => {
    const levels = [ProjectLevel.READ, ProjectLevel.EDIT, ProjectLevel.DELETE] as const;

    test("is every level for the owner, and for a member the member's", async () => {
      const { id } = await stage.project(ada);
      const key = { kind: "project", id } as const;
      expect(await store.access(ada, key)).toEqual({ level: ProjectLevel.DELETE, shared: false });
      expect(await store.access(bob, key)).toBeNull();
      const member = await stage.member(ada, id, bob.userId, ProjectLevel.READ);
      for (const level of levels) {
        await store.updateMember(ada, id, member.id, level, ProjectLevel.DELETE);
        for (const asked of levels) {
          expect(await store.access({ ...bob, level: asked }, key)).toEqual({
            level,
            shared: false,
          });
        }
      }
      await store.removeMember(ada, id, member.id, ProjectLevel.DELETE);
      expect(await store.access(bob, key)).toBeNull();
    });

    test("to a container and an alias is said by the project, in whatever realm that is", async () => {
      const { id } = await stage.project(ada, { realmIds: [B] });
      const box = await stage.container(ada, id, { realmIds: [A] });
      await stage.member(ada, id, bob.userId, ProjectLevel.EDIT);
      const keys = [
        { kind: "container", id: box.id },
        { kind: "alias", id: await aliasOf(box.id) },
      ] as const;
      for (const key of keys) {
        const edit = { level: ProjectLevel.EDIT, shared: false };
        expect(await store.access(bob, key)).toEqual(edit);
        expect(await store.access(inRealm(bob, A), key)).toEqual(edit);
        expect(await store.access(inRealm(bob, B), key)).toBeNull();
        expect(await store.access({ ...bob, realms: [A, B] }, key)).toBeNull();
        expect(await store.access({ ...bob, userId: nowhere }, key)).toBeNull();
        expect(await store.access(bob, { ...key, kind: "project" })).toBeNull();
      }
      expect(await store.access(bob, { kind: "container", id: nowhere })).toBeNull();
    });

    async function aliasOf(containerId: string): Promise<string> {
      const target = { program: "http", instance: 3000, targetPath: null, enabled: true };
      const fields = { containerId, alias: "shop", allowPathOverride: true, expiresAt: null };
      const made = await store.createAlias(ada, { ...target, ...fields });
      if (made === null || typeof made === "string") throw new Error(`${made}`);
      return made.alias.id;
    }

    test("says what is shared beyond a confined caller's realms", async () => {
      const both = await stage.project(ada, { alias: "both", realmIds: [A, B] });
      const one = await stage.project(ada, { alias: "one", realmIds: [A] });
      const boxes = [
        await stage.container(ada, one.id, { name: "both", realmIds: [A, B] }),
        await stage.container(ada, both.id, { name: "one", realmIds: [A] }),
      ];
      const keys = [
        { kind: "project", id: both.id },
        { kind: "project", id: one.id },
        { kind: "container", id: boxes[0]?.id ?? "" },
        { kind: "container", id: boxes[1]?.id ?? "" },
      ] as const;
      const shared = async (scope: Scope) => {
        const all: (boolean | undefined)[] = [];
        for (const key of keys) all.push((await store.access(scope, key))?.shared);
        return all;
      };
      expect(await shared(confined(ada, A))).toEqual([true, false, true, false]);
      expect(await shared(confined(ada, A, B))).toEqual([false, false, false, false]);
      expect(await shared(inRealm(ada, A))).toEqual([false, false, false, false]);
    });

    test.each(levels)("lists and writes begin at the level asked for: %d", async (level) => {
      const own = await stage.project(bob, { alias: "own" });
      const { id } = await stage.project(ada);
      const box = await stage.container(ada, id);
      await stage.member(ada, id, bob.userId, level);
      for (const asked of levels) {
        const scope = { ...bob, level: asked };
        const enough = asked <= level;
        const listed = (await store.projects(scope, pageOf())).items.map((each) => each.id);
        expect(listed).toEqual(enough ? [own.id, id] : [own.id]);
        const containers = await store.containers(scope, { ...pageOf(), projectId: null });
        expect(containers.items.map((each) => each.id)).toEqual(enough ? [box.id] : []);
        expect((await store.project(scope, id)) !== null).toBe(enough);
        expect((await store.container(scope, box.id)) !== null).toBe(enough);
        expect((await store.updateProject(scope, id, { color: "#FFF" })) !== null).toBe(enough);
      }
      const destroyed = await store.deleteProject({ ...bob, level: ProjectLevel.DELETE }, id);
      expect(destroyed !== null).toBe(level === ProjectLevel.DELETE);
    });

    test("to a realm with much in it is the same", async () => {
      for (let n = 0; n < 1001; n++) {
        await stage.project(ada, { alias: `p${n}`, realmIds: n < 1000 ? [A] : [A, B] });
      }
      const last = await stage.project(bob, { realmIds: [A] });
      for (const [scope, total] of [
        [inRealm(ada, A), 1001],
        [inRealm(bob, A), 1],
        [inRealm(ada, B), 1],
        [inRealm(bob, B), 0],
        [{ ...ada, realms: [A, B] }, 1],
        [{ ...ada, realms: [B, A] }, 1],
        [{ ...ada, realms: [A, C] }, 0],
      ] as const) {
        expect((await store.projects(scope, pageOf())).total).toBe(total);
      }
      expect((await store.projects(inRealm(bob, A), pageOf())).items).toEqual([last]);
    }, 60_000);

    test("and containers are found by their names, in the scope only", async () => {
      const shop = await stage.project(ada, { alias: "shop", realmIds: [A] });
      const same = await stage.project(ada, { alias: "shop", realmIds: [B] });
      await stage.project(ada, { alias: "shops", realmIds: [A] });
      await stage.project(bob, { alias: "shop" });
      const page = { page: 1, limit: 10, sortBy: "created_at", sortOrder: "asc" } as const;
      const projects = async (scope: Scope, alias: string) => {
        const { items, total } = await store.projects(scope, { ...page, alias });
        expect(total).toBe(items.length);
        return items.map(({ id }) => id);
      };
      expect(await projects(ada, "shop")).toEqual([shop.id, same.id]);
      expect(await projects(inRealm(ada, A), "shop")).toEqual([shop.id]);
      expect(await projects(ada, "SHOP")).toEqual([]);
      const one = await stage.container(ada, shop.id, { name: "box" });
      const two = await stage.container(ada, same.id, { name: "box" });
      await stage.container(ada, shop.id, { name: "box-2" });
      const containers = async (scope: Scope, name: string, projectId: string | null = null) => {
        const { items, total } = await store.containers(scope, { ...page, name, projectId });
        expect(total).toBe(items.length);
        return items.map(({ id }) => id);
      };
      expect(await containers(ada, "box")).toEqual([one.id, two.id]);
      expect(await containers(ada, "box", same.id)).toEqual([two.id]);
      expect(await containers(bob, "box")).toEqual([]);
    });
  });
}
