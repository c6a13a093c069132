// What every Store promises of what a container is open to: what proxies are told of it, in the scope of who asks.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Scope } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open } from "../harness/open-store.ts";
import { A, B, inRealm, nowhere, Stage } from "../harness/stage.ts";

export function exposureConformance(name: string, open: Open): void {
  describe(`${name}: exposures`, () => {
    let stage: Stage;
    let store: Store;
    let ada: Scope;
    let bob: Scope;

    beforeEach(async () => {
      stage = await Stage.open(open);
      ({ store, ada, bob } = stage);
    });

    afterEach(() => stage[Symbol.asyncDispose]());

    const put = (kind: "project" | "container", id: string, body: string | null, expected = 0) =>
      store.putDocument(
        ada,
        { kind, id },
        { expected, projectVersion: null, enableProxy: false, body, hooks: null },
      );

    test("are what proxies are told, with both documents", async () => {
      const project = await stage.project(ada);
      const { id } = await stage.container(ada, project.id, { address: "10.0.0.1" });
      await store.createAlias(ada, {
        containerId: id,
        alias: "short",
        program: "terminal",
        instance: 2,
        targetPath: null,
        allowPathOverride: true,
        expiresAt: null,
        enabled: true,
      });
      await put("project", project.id, '{"default":"deny"}');
      await put("container", id, '{"default":"allow"}');
      const exposure = await store.effectiveState(ada, id);
      const { containers } = await store.changesAfter(0);
      const told = containers.find((fact) => fact.id === id)?.state;
      expect(exposure?.container).toEqual(told ?? undefined);
      expect(exposure?.container.aliases.map(({ alias }) => alias)).toEqual(["short"]);
      const view = await store.document(ada, { kind: "container", id });
      expect([exposure?.own, exposure?.project]).toEqual([view?.state, view?.projectState]);
    });

    test("are nothing of what is another's or not there, and tell no project beyond a realm", async () => {
      const project = await stage.project(ada, { realmIds: [B] });
      const { id } = await stage.container(ada, project.id, { realmIds: [A] });
      await put("project", project.id, "{}");
      expect(await store.effectiveState(bob, id)).toBeNull();
      expect(await store.effectiveState(ada, nowhere)).toBeNull();
      expect(await store.effectiveState(inRealm(ada, B), id)).toBeNull();
      expect((await store.effectiveState(inRealm(ada, A), id))?.project).toBeNull();
      expect((await store.effectiveState(ada, id))?.project?.version).toBe(1);
    });

    test("count the containers that follow a project's document, of those in the scope", async () => {
      const project = await stage.project(ada);
      const other = await stage.project(ada, { alias: "other" });
      const made: string[] = [];
      for (const [n, realmIds] of [[A], [A, B], []].entries()) {
        made.push((await stage.container(ada, project.id, { name: `box-${n}`, realmIds })).id);
      }
      await stage.container(ada, other.id);
      const [first = "", second = ""] = made;
      await put("container", first, "{}");
      // A kill switch alone makes no document.
      await put("container", second, null);
      expect(await store.followers(ada, project.id)).toEqual({ containers: 3, following: 2 });
      expect(await store.followers(inRealm(ada, A), project.id)).toEqual({
        containers: 2,
        following: 1,
      });
      const none = { containers: 0, following: 0 };
      expect(await store.followers(bob, project.id)).toEqual(none);
      expect(await store.followers(ada, nowhere)).toEqual(none);
    });

    test.each<[string, string[], boolean]>([
      ["in the realm alone", [A], false],
      ["in another one, too", [A, B], true],
      ["in another one", [B], true],
      ["in none", [], true],
    ])("a project's document holds for a container %s", async (_where, realmIds, isBeyond) => {
      const { id } = await stage.project(ada, { realmIds: [A] });
      await stage.container(ada, id, { name: "inside", realmIds: [A] });
      const own = await stage.container(ada, id, { name: "other", realmIds });
      const within = { ...inRealm(ada, A), confinedTo: [A] };
      const key = { kind: "project", id } as const;
      const beyond = async (scope: Scope) => (await store.document(scope, key))?.reachesBeyond;
      expect([await beyond(within), await beyond(ada)]).toEqual([isBeyond, false]);
      const write = { expected: 0, projectVersion: null, enableProxy: true, hooks: null };
      const written = await store.putDocument(within, key, { ...write, body: "{}" });
      expect(written).toEqual(isBeyond ? "moved" : expect.objectContaining({ version: 1 }));
      expect((await store.document(ada, key))?.state.version).toBe(isBeyond ? 0 : 1);
      const ofBox = { kind: "container", id: own.id } as const;
      expect((await store.document(ada, ofBox))?.reachesBeyond).toBe(false);
    });

    test("a document is not written for a dry run", async () => {
      const { id } = await stage.project(ada);
      const before = await store.changesAfter(0);
      const write = {
        expected: 0,
        projectVersion: null,
        enableProxy: true,
        body: "{}",
        hooks: null,
      };
      const writing = store.putDocument({ ...ada, dryRun: true }, { kind: "project", id }, write);
      await expect(writing).rejects.toThrow("dry run");
      expect(await store.changesAfter(0)).toEqual(before);
    });
  });
}
