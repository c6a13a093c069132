// What every Store promises of revisions whose database was put back to an earlier state: they are not taken for others.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ChangeCursor, Committed, Scope } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import { lineageOf } from "../../src/policy/lineage.ts";
import type { Open, OpenStore } from "../harness/open-store.ts";
import { scopeOf } from "../harness/stage.ts";

/** A store that can be put back. */
export interface RestorableStore extends OpenStore {
  /** Copies the database as it is; the store is opened anew. */
  backUp(): Promise<Store>;
  /** Puts the copy in the database's place; the store that is opened then knows nothing of what came after it. */
  restore(): Promise<Store>;
}

export function lineageConformance(
  name: string,
  open: (...args: Parameters<Open>) => Promise<RestorableStore>,
): void {
  describe(`${name}: lineages`, () => {
    let place: RestorableStore;
    let store: Store;
    let ada: Scope;
    let made = 0;

    beforeEach(async () => {
      place = await open(Date.now);
      store = place.store;
      ada = scopeOf(await place.addUser("ada"));
    });

    afterEach(() => place[Symbol.asyncDispose]());

    async function write(): Promise<Committed> {
      const project = { alias: `p${made++}`, color: "#000", maxContainers: null, realmIds: [] };
      const answer = await store.createProject(ada, project);
      if (typeof answer === "string") throw new Error(answer);
      const { revision, lineage } = answer;
      return { revision, lineage };
    }

    /** Whether a reader at this cursor is given only what came after. */
    const isKnown = async (cursor: ChangeCursor) => !(await store.changesAfter(cursor)).isAll;

    test("a write says which its revision has, and readers at it read on", async () => {
      const writes = [await write(), await write(), await write()];
      const { lineages, revision } = await store.changesAfter(0);
      expect(revision).toBe(writes.at(-1)?.revision ?? 0);
      expect(await store.head()).toEqual({
        ...(writes.at(-1) ?? { revision: 0, lineage: "" }),
        lineages,
      });
      for (const { revision, lineage } of writes) {
        expect(lineageOf(lineages, revision)).toBe(lineage);
        const cursor = { revision, lineage };
        expect(await isKnown(cursor)).toBeTrue();
        expect((await store.changesAfter(cursor)).projects).toHaveLength(
          writes.length - writes.findIndex((each) => each.revision === revision) - 1,
        );
      }
    });

    test("another one's revisions are none of ours, nor are those to come", async () => {
      const { revision, lineage } = await write();
      expect(await isKnown({ revision, lineage: "f".repeat(16) })).toBeFalse();
      expect(await isKnown({ revision, lineage: "" })).toBeFalse();
      expect(await isKnown({ revision: revision + 1, lineage })).toBeFalse();
      expect((await store.changesAfter({ revision: revision + 1, lineage })).projects).toHaveLength(
        1,
      );
    });

    test("a reader that wants no whole state is told that it needs one, and gets nothing of it", async () => {
      const first = await write();
      await write();
      const lost = { ...first, lineage: "f".repeat(16) };
      const told = await store.changesAfter(lost, undefined, true);
      expect(told).toMatchObject({ isAll: true, projects: [], containers: [] });
      const known = await store.changesAfter(first, undefined, true);
      expect([known.isAll, known.projects.length]).toEqual([false, 1]);
    });

    test("what was written after a backup that was restored is lost, and its numbers are not taken for others", async () => {
      const kept = await write();
      store = await place.backUp();
      const lost = [await write(), await write()];
      store = await place.restore();
      expect(await store.revision()).toBe(kept.revision);
      expect(await isKnown(kept)).toBeTrue();
      for (const each of lost) expect(await isKnown(each)).toBeFalse();
      const again = [await write(), await write(), await write()];
      expect(again.map(({ revision }) => revision)).toEqual([
        kept.revision + 1,
        kept.revision + 2,
        kept.revision + 3,
      ]);
      for (const each of lost) expect(await isKnown(each)).toBeFalse();
      for (const each of [kept, ...again]) expect(await isKnown(each)).toBeTrue();
    });

    test("nothing is written for one that no write has", async () => {
      const kept = await write();
      for (let n = 0; n < 5; n++) store = await place.reopen();
      expect((await store.changesAfter(0)).lineages).toHaveLength(1);
      expect(await isKnown(kept)).toBeTrue();
      const next = await write();
      expect(next.revision).toBe(kept.revision + 1);
      expect(await isKnown(kept)).toBeTrue();
    });
  });
}
