// What every Store promises of users, their sessions and their logins.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Scope, User } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open } from "../harness/open-store.ts";
import { nowhere, pageOf, Stage, scopeOf } from "../harness/stage.ts";

const newUser = { username: "Cleo-1f2e", email: "Cleo@Example.test", passwordHash: "hash" };

export function userConformance(name: string, open: Open): void {
  describe(`${name}: users`, () => {
    let stage: Stage;
    let store: Store;
    let ada: Scope;
    let bob: Scope;

    beforeEach(async () => {
      stage = await Stage.open(open);
      ({ store, ada, bob } = stage);
    });

    afterEach(() => stage[Symbol.asyncDispose]());

    async function user(name: { username: string } | { email: string }): Promise<User> {
      const found = await store.userForLogin(name);
      if (found === null) throw new Error("no such user");
      return found;
    }

    test("are given back as they were made, by id, by name as it is spelled, by address however it is", async () => {
      const at = stage.nextTime;
      expect(await store.createUser(newUser)).toBeTrue();
      const made = await user({ username: "Cleo-1f2e" });
      expect(made).toEqual({
        id: expect.stringMatching(/^[0-9a-f]{24}$/),
        username: "Cleo-1f2e",
        email: "cleo@example.test",
        passwordHash: "hash",
        isAdmin: false,
        isBanned: false,
        sessionGeneration: 0,
        alias: null,
        publicKey: null,
        metadata: "{}",
        createdAt: at,
        updatedAt: at,
      });
      expect(await user({ email: "CLEO@example.TEST" })).toEqual(made);
      expect(await store.userById(made.id)).toEqual(made);
      expect(await store.userForLogin({ username: "cleo-1f2e" })).toBeNull();
      expect(await store.userForLogin({ username: "Cleo%" })).toBeNull();
      expect(await store.userForLogin({ email: "Cleo-1f2e" })).toBeNull();
      expect(await store.userById(nowhere)).toBeNull();
    });

    test("begin with a project, which is a change like any other", async () => {
      const before = await stage.revision();
      const told = await stage.toldWhile(() => store.createUser(newUser));
      expect(told).toEqual([before + 1]);
      const { id } = await user({ email: newUser.email });
      const { items } = await store.projects(scopeOf(id), pageOf());
      expect(items).toEqual([
        expect.objectContaining({ userId: id, alias: "default", isDefault: true, realmIds: [] }),
      ]);
      const { projects } = await store.changesAfter(before);
      expect(projects.map((fact) => fact.id)).toEqual(items.map((project) => project.id));
    });

    test.each([
      [
        "its address in other letters",
        { ...newUser, username: "other", email: "cLEO@example.test" },
      ],
      ["its name", { ...newUser, email: "other@example.test" }],
      ["both", newUser],
    ])("are not made when another has %s, and nothing is", async (_why, again) => {
      await store.createUser(newUser);
      const before = await stage.revision();
      const cleo = await user({ email: newUser.email });
      const told = await stage.toldWhile(async () => {
        expect(await store.createUser({ ...again, passwordHash: "another" })).toBeFalse();
      });
      expect(told).toEqual([]);
      expect(await stage.revision()).toBe(before);
      expect(await user({ email: newUser.email })).toEqual(cleo);
      const { total } = await store.projects(scopeOf(cleo.id), pageOf());
      expect(total).toBe(1);
    });

    test("made at the same time with one address are one", async () => {
      const names = ["a", "b", "c", "d"].map((username) => ({ ...newUser, username }));
      const made = await Promise.all(names.map((each) => store.createUser(each)));
      expect(made.filter(Boolean)).toHaveLength(1);
    });

    test("are changed in what is said, and keep the rest", async () => {
      const before = (await store.userById(ada.userId)) as User;
      const at = stage.nextTime;
      const changed = await store.updateUser(ada.userId, 0, { alias: "Ada", metadata: '{"a":1}' });
      expect(changed).toEqual({ ...before, alias: "Ada", metadata: '{"a":1}', updatedAt: at });
      expect(await store.userById(ada.userId)).toEqual(changed);
      const cleared = await store.updateUser(ada.userId, 0, { alias: null, publicKey: "ab" });
      expect(cleared).toMatchObject({ alias: null, publicKey: "ab", metadata: '{"a":1}' });
      expect(await store.updateUser(nowhere, 0, { alias: "x" })).toBeNull();
      expect(await store.userById(bob.userId)).toMatchObject({ alias: null });
    });

    test("end their sessions, and only theirs", async () => {
      await store.endSessions(ada.userId);
      await store.endSessions(ada.userId);
      await store.endSessions(nowhere);
      expect(await store.userById(ada.userId)).toMatchObject({ sessionGeneration: 2 });
      expect(await store.userById(bob.userId)).toMatchObject({ sessionGeneration: 0 });
    });

    test("end their sessions with a new password, in one write", async () => {
      const changed = await store.updateUser(ada.userId, 0, { passwordHash: "new" });
      expect(changed).toMatchObject({ passwordHash: "new", sessionGeneration: 1 });
      expect(await store.updateUser(ada.userId, 0, { passwordHash: "other" })).toBeNull();
      expect(await store.updateUser(ada.userId, 0, { alias: "other" })).toBeNull();
      expect(await store.userById(ada.userId)).toEqual(changed);
    });

    test("have their latest ten logins kept, each user's apart", async () => {
      const times: string[] = [];
      for (let n = 0; n < 12; n++) {
        times.push(stage.nextTime);
        await store.recordLogin(ada.userId, `192.0.2.${n}`);
        if (n === 5) await store.recordLogin(bob.userId, "198.51.100.1");
      }
      const latest = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
      expect(await store.recentLogins(ada.userId)).toEqual(
        latest.map((n) => ({ ip: `192.0.2.${n}`, at: times[n] ?? "" })),
      );
      expect(await store.recentLogins(bob.userId)).toMatchObject([{ ip: "198.51.100.1" }]);
      expect(await store.recentLogins(nowhere)).toEqual([]);
    });
  });

  describe(`${name}: the first user`, () => {
    test("is an operator with a project, and is made once", async () => {
      await using opened = await open(() => 0);
      const { store } = opened;
      expect(await store.hasUsers()).toBeFalse();
      const told: number[] = [];
      store.onCommit((revision) => told.push(revision));
      const first = { username: "ada", passwordHash: "hash" };
      expect(await store.createFirstUser(first)).toBeTrue();
      expect(await store.hasUsers()).toBeTrue();
      expect(await store.createFirstUser({ ...first, username: "eve" })).toBeFalse();
      expect(await store.userForLogin({ username: "eve" })).toBeNull();
      const ada = await store.userForLogin({ username: "ada" });
      expect(ada).toMatchObject({ isAdmin: true, email: null, sessionGeneration: 0 });
      const { items } = await store.projects(scopeOf(ada?.id ?? ""), pageOf());
      expect(items).toMatchObject([{ alias: "default", isDefault: true, realmIds: [] }]);
      expect(told).toEqual([await store.revision()]);
    });

    test("is not made where somebody else was first", async () => {
      await using opened = await open(() => 0);
      const { store } = opened;
      await store.createUser(newUser);
      expect(await store.createFirstUser({ username: "ada", passwordHash: "" })).toBeFalse();
    });
  });
}
