// What every Store promises of the members of projects.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import type { MemberColumn } from "../../src/admin/store/paging.ts";
import type { Scope } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open } from "../harness/open-store.ts";
import { A, B, inRealm, nowhere, pageOf, Stage, scopeOf } from "../harness/stage.ts";

const { READ, EDIT, DELETE } = ProjectLevel;

export function memberConformance(name: string, open: Open): void {
  describe(`${name}: members`, () => {
    let stage: Stage;
    let store: Store;
    let ada: Scope;
    let bob: Scope;
    let eve: Scope;
    let projectId: string;

    beforeEach(async () => {
      stage = await Stage.open(open);
      ({ store, ada, bob } = stage);
      eve = scopeOf(await stage.addUser("eve"));
      projectId = (await stage.project(ada, { realmIds: [A] })).id;
    });

    afterEach(() => stage[Symbol.asyncDispose]());

    test("are given back as they were made, with who they are", async () => {
      await store.updateUser(bob.userId, 0, { alias: "Bob B." });
      const at = stage.nextTime;
      const made = await stage.member(ada, projectId, bob.userId, EDIT);
      expect(made).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{24}$/),
        projectId,
        userId: bob.userId,
        level: EDIT,
        username: "bob",
        alias: "Bob B.",
        createdAt: at,
        updatedAt: at,
      });
      expect(await store.member(ada, projectId, made.id)).toEqual(made);
      expect(await store.members(ada, projectId, pageOf())).toEqual({
        items: [made],
        total: 1,
        next: null,
      });
    });

    test("are nobody twice, nor the owner, nor somebody unknown", async () => {
      const asked = { userId: bob.userId, level: READ };
      await stage.member(ada, projectId, bob.userId, EDIT);
      expect(await store.addMember(ada, projectId, asked)).toBe("exists");
      const owner = { ...asked, userId: ada.userId };
      expect(await store.addMember(ada, projectId, owner)).toBe("exists");
      expect(await store.addMember(bob, projectId, owner)).toBe("exists");
      const nobody = { ...asked, userId: nowhere };
      expect(await store.addMember(ada, projectId, nobody)).toBe("no_user");
      expect(await store.members(ada, projectId, pageOf())).toMatchObject({
        items: [{ userId: bob.userId, level: EDIT }],
        total: 1,
      });
      const other = await stage.project(ada, { alias: "other" });
      await stage.member(ada, other.id, bob.userId, READ);
    });

    test("are of a project in the scope, or of none", async () => {
      const { id } = await stage.member(ada, projectId, bob.userId, EDIT);
      const editor = { ...eve, level: EDIT };
      await stage.member(ada, projectId, eve.userId, READ);
      for (const [scope, project] of [
        [inRealm(ada, B), projectId],
        [editor, projectId],
        [scopeOf(nowhere), projectId],
        [ada, nowhere],
      ] as const) {
        expect(await store.members(scope, project, pageOf())).toBeNull();
        expect(await store.member(scope, project, id)).toBeNull();
        const asked = { userId: nowhere, level: READ };
        expect(await store.addMember(scope, project, asked)).toBeNull();
        expect(await store.updateMember(scope, project, id, READ, DELETE)).toBeNull();
        expect(await store.removeMember(scope, project, id, DELETE)).toBeFalse();
      }
      expect(await store.member(inRealm(ada, A), projectId, id)).toMatchObject({ level: EDIT });
    });

    test("are found under their own project only", async () => {
      const other = await stage.project(ada, { alias: "other" });
      const { id } = await stage.member(ada, projectId, bob.userId, EDIT);
      for (const wrong of [
        [other.id, id],
        [projectId, nowhere],
      ] as const) {
        expect(await store.member(ada, ...wrong)).toBeNull();
        expect(await store.updateMember(ada, ...wrong, READ, DELETE)).toBeNull();
        expect(await store.removeMember(ada, ...wrong, DELETE)).toBeFalse();
      }
      expect(await store.member(ada, projectId, id)).toMatchObject({ level: EDIT });
    });

    test("change their level, and nothing else", async () => {
      const made = await stage.member(ada, projectId, bob.userId, READ);
      const other = await stage.member(ada, projectId, eve.userId, READ);
      const updatedAt = stage.nextTime;
      const changed = await store.updateMember(ada, projectId, made.id, DELETE, DELETE);
      expect(changed).toEqual({ ...made, level: DELETE, updatedAt });
      expect(await store.member(ada, projectId, made.id)).toEqual({
        ...made,
        level: DELETE,
        updatedAt,
      });
      expect(await store.member(ada, projectId, other.id)).toEqual(other);
    });

    test("are raised by who is not confined to realms only, and lowered by either", async () => {
      const { id } = await stage.member(ada, projectId, bob.userId, READ);
      const within = { ...ada, confinedTo: [] };
      expect(await store.updateMember(within, projectId, id, EDIT, DELETE)).toBe("confined");
      expect(await store.member(ada, projectId, id)).toMatchObject({ level: READ });
      expect(await store.updateMember(ada, projectId, id, EDIT, DELETE)).toMatchObject({
        level: EDIT,
      });
      expect(await store.updateMember(within, projectId, id, EDIT, DELETE)).toMatchObject({
        level: EDIT,
      });
      expect(await store.updateMember(within, projectId, id, READ, DELETE)).toMatchObject({
        level: READ,
      });
    });

    test("above a level are left alone", async () => {
      const { id } = await stage.member(ada, projectId, bob.userId, EDIT);
      expect(await store.updateMember(ada, projectId, id, READ, READ)).toBeNull();
      expect(await store.removeMember(ada, projectId, id, READ)).toBeFalse();
      expect(await store.member(ada, projectId, id)).toMatchObject({ level: EDIT });
      expect(await store.updateMember(ada, projectId, id, READ, EDIT)).toMatchObject({
        level: READ,
      });
      expect(await store.removeMember(ada, projectId, id, READ)).toBeTrue();
    });

    test("that are removed see nothing from then on", async () => {
      const { id } = await stage.member(ada, projectId, bob.userId, DELETE);
      const box = await stage.container(ada, projectId);
      expect(await store.container(bob, box.id)).not.toBeNull();
      expect(await store.removeMember(ada, projectId, id, DELETE)).toBeTrue();
      expect(await store.removeMember(ada, projectId, id, DELETE)).toBeFalse();
      expect(await store.project(bob, projectId)).toBeNull();
      expect(await store.container(bob, box.id)).toBeNull();
      expect(await store.projects(bob, pageOf())).toEqual({ items: [], total: 0, next: null });
      await stage.member(ada, projectId, bob.userId, READ);
    });

    test("come in the order asked for, none lost between pages", async () => {
      const levels = [EDIT, READ, DELETE, READ, EDIT];
      const made: string[] = [];
      for (const [index, level] of levels.entries()) {
        const userId = await stage.addUser(`user-${index}`);
        made.push((await stage.member(ada, projectId, userId, level)).id);
      }
      await store.updateMember(ada, projectId, made[0] ?? "", EDIT, DELETE);
      const all = (await store.members(ada, projectId, pageOf()))?.items ?? [];
      expect(all.map(({ id }) => id)).toEqual(made);
      const keys = {
        created_at: ({ createdAt }) => createdAt,
        updated_at: ({ updatedAt }) => updatedAt,
        id: ({ id }) => id,
        user_id: ({ userId }) => userId,
        permission_level: ({ level }) => level,
      } satisfies Record<MemberColumn, (member: (typeof all)[number]) => unknown>;
      for (const [sortBy, key] of Object.entries(keys) as [
        MemberColumn,
        (member: (typeof all)[number]) => string | number,
      ][]) {
        const sorted = all.toSorted((one, other) =>
          key(one) === key(other) ? 0 : key(one) < key(other) ? -1 : 1,
        );
        for (const [sortOrder, expected] of [
          ["asc", sorted],
          ["desc", sorted.toReversed()],
        ] as const) {
          const items: unknown[] = [];
          for (const page of [1, 2, 3, 4]) {
            const asked = pageOf<MemberColumn>({ page, limit: 2, sortBy, sortOrder });
            const found = await store.members(ada, projectId, asked);
            expect(found?.total).toBe(5);
            items.push(...(found?.items ?? []));
          }
          expect(items).toEqual(expected);
        }
      }
    });

    test("are no news to the proxies", async () => {
      const told = await stage.toldWhile(async () => {
        const { id } = await stage.member(ada, projectId, bob.userId, DELETE);
        await store.updateMember(ada, projectId, id, READ, DELETE);
        await store.removeMember(ada, projectId, id, DELETE);
      });
      expect(told).toEqual([]);
    });
  });
}
