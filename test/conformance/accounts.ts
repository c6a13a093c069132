// What every Store promises of the accounts that operators keep.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import type { UserColumn } from "../../src/admin/store/paging.ts";
import type { Scope, User } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open } from "../harness/open-store.ts";
import { nowhere, pageOf, Stage, scopeOf } from "../harness/stage.ts";

const newAccount = {
  username: "Cleo",
  email: "Cleo@Example.test",
  passwordHash: "hash",
  isAdmin: false,
};

export function accountConformance(name: string, open: Open): void {
  describe(`${name}: accounts`, () => {
    let stage: Stage;
    let store: Store;
    /** The only operator. */
    let ada: Scope;
    let bob: Scope;

    beforeEach(async () => {
      stage = await Stage.open(open);
      ({ store, ada, bob } = stage);
      await store.updateAccount(ada.userId, { isAdmin: true });
    });

    afterEach(() => stage[Symbol.asyncDispose]());

    async function account(fields: Partial<typeof newAccount> = {}): Promise<User> {
      const made = await store.createAccount({ ...newAccount, ...fields });
      if (typeof made === "string") throw new Error(made);
      return made;
    }

    const found = async (search: string | null, more = {}) =>
      (
        await store.users({
          ...pageOf<UserColumn>({ sortBy: "username", ...more }),
          search,
        })
      ).items.map(({ username }) => username);

    test("are given back as they were made, with a project", async () => {
      const made = await account({ isAdmin: true });
      expect(made).toMatchObject({
        username: "Cleo",
        email: "cleo@example.test",
        isAdmin: true,
        isBanned: false,
        sessionGeneration: 0,
      });
      expect(await store.userById(made.id)).toEqual(made);
      const { items } = await store.projects(scopeOf(made.id), pageOf());
      expect(items).toMatchObject([{ alias: "default", isDefault: true }]);
    });

    test("have a name and an address that nobody else has", async () => {
      const { id } = await account();
      const other = { ...newAccount, username: "other", email: "other@example.test" };
      expect(await store.createAccount({ ...other, username: "Cleo" })).toBe("username");
      expect(await store.createAccount({ ...other, email: "CLEO@example.test" })).toBe("email");
      const { id: otherId } = await account(other);
      expect(await store.updateAccount(otherId, { username: "Cleo" })).toBe("username");
      expect(await store.updateAccount(otherId, { email: "cleo@EXAMPLE.test" })).toBe("email");
      expect(await store.userById(otherId)).toMatchObject({ username: "other" });
      const own = { username: "Cleo", email: "Cleo@example.test" };
      expect(await store.updateAccount(id, own)).toMatchObject({ email: "cleo@example.test" });
      expect(await store.updateAccount(nowhere, own)).toBeNull();
      expect(await store.updateAccount(nowhere, { isBanned: true })).toBeNull();
    });

    test("are listed page by page, and found by a part of a name or an address", async () => {
      await account();
      await account({ username: "dora_1", email: "dora@shop.test" });
      const { items, total, next } = await store.users({
        ...pageOf<UserColumn>({ limit: 1 }),
        search: null,
      });
      expect({ length: items.length, total, more: next !== null }).toEqual({
        length: 1,
        total: 4,
        more: true,
      });
      expect(await found(null)).toEqual(["Cleo", "ada", "bob", "dora_1"]);
      expect(await found("")).toEqual(["Cleo", "ada", "bob", "dora_1"]);
      expect(await found("cLEO@exam")).toEqual(["Cleo"]);
      expect(await found("SHOP")).toEqual(["dora_1"]);
      expect(await found("%")).toEqual([]);
      expect(await found("r__1")).toEqual([]);
      expect(await found(ada.userId)).toEqual(["ada"]);
      expect(await found(null, { page: 2, limit: 3 })).toEqual(["dora_1"]);
    });

    test("that are banned have no session any more, and have none again when let in", async () => {
      const { id } = await account();
      const banned = await store.updateAccount(id, { isBanned: true });
      expect(banned).toMatchObject({ isBanned: true, sessionGeneration: 1 });
      const again = await store.updateAccount(id, { isBanned: true });
      expect(again).toMatchObject({ sessionGeneration: 1 });
      const back = await store.updateAccount(id, { isBanned: false });
      expect(back).toMatchObject({ isBanned: false, sessionGeneration: 1 });
      const renewed = await store.updateAccount(id, { passwordHash: "new" });
      expect(renewed).toMatchObject({ passwordHash: "new", sessionGeneration: 2 });
    });

    test("leave an operator who is not banned", async () => {
      for (const change of [{ isBanned: true }, { isAdmin: false }]) {
        expect(await store.updateAccount(ada.userId, change)).toBe("last_operator");
      }
      expect(await store.deleteAccount(ada.userId, true)).toBe("last_operator");
      const { id } = await account({ isAdmin: true });
      expect(await store.updateAccount(ada.userId, { isBanned: true })).toMatchObject({
        isBanned: true,
      });
      expect(await store.updateAccount(id, { isAdmin: false })).toBe("last_operator");
      // One that is banned already operates nothing.
      expect(await store.updateAccount(ada.userId, { isAdmin: false })).toMatchObject({
        isAdmin: false,
      });
    });

    test("two that resign at the same time leave one", async () => {
      const { id } = await account({ isAdmin: true });
      const both = await Promise.all(
        [ada.userId, id].map((each) => store.updateAccount(each, { isAdmin: false })),
      );
      expect(both.filter((each) => each === "last_operator")).toHaveLength(1);
    });

    test("are deleted with their projects, memberships and containers, and nobody else's", async () => {
      const project = await stage.project(bob);
      const box = await stage.container(bob, project.id);
      const adas = await stage.project(ada);
      const kept = await stage.container(ada, adas.id);
      await stage.member(ada, adas.id, bob.userId, ProjectLevel.EDIT);
      expect(await store.deleteAccount(bob.userId, false)).toBe("has_containers");
      expect(await store.container(bob, box.id)).not.toBeNull();
      const before = await stage.revision();
      const deleted = await store.deleteAccount(bob.userId, true);
      expect(deleted).toMatchObject({ revision: await stage.revision() });
      expect(await store.userById(bob.userId)).toBeNull();
      const told = await store.changesAfter(before);
      expect(told.containers).toEqual([{ id: box.id, state: null }]);
      expect(told.projects).toEqual([{ id: project.id, state: null }]);
      expect(await store.members(ada, adas.id, pageOf())).toMatchObject({ total: 0 });
      expect(await store.container(ada, kept.id)).not.toBeNull();
      expect(await store.deleteAccount(bob.userId, true)).toBeNull();
    });

    test("are members by name and by address, as well as by id", async () => {
      const cleo = await account();
      const { id } = await stage.project(ada);
      const level = ProjectLevel.READ;
      const byAddress = await store.addMember(ada, id, { email: "CLEO@example.test", level });
      expect(byAddress).toMatchObject({ userId: cleo.id, username: "Cleo", level });
      expect(await store.addMember(ada, id, { username: "Cleo", level })).toBe("exists");
      expect(await store.addMember(ada, id, { username: "cleo", level })).toBe("no_user");
      expect(await store.addMember(ada, id, { email: "c%@example.test", level })).toBe("no_user");
      expect(await store.addMember(ada, id, { username: "bob", level })).toMatchObject({
        userId: bob.userId,
      });
    });
  });
}
