// What every Store promises of realms: what names one makes it, and what is told of it is what is in the scope.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { newId } from "../../src/admin/store/id.ts";
import { realmNamesMax } from "../../src/admin/store/limits.ts";
import type { RealmUsage, Scope, TokenScope } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open } from "../harness/open-store.ts";
import { A, B, C, confined, inRealm, Stage } from "../harness/stage.ts";

const D = "d".repeat(24);
const many = 1000;

export function realmConformance(name: string, open: Open): void {
  describe(`${name}: realms`, () => {
    let stage: Stage;
    let store: Store;
    let ada: Scope;
    let bob: Scope;

    beforeEach(async () => {
      stage = await Stage.open(open);
      ({ store, ada, bob } = stage);
    });

    afterEach(() => stage[Symbol.asyncDispose]());

    const tokensOf = (scope: Scope, madeFrom: string | null = null): TokenScope => {
      return { userId: scope.userId, realms: scope.realms, madeFrom };
    };

    async function token(scope: Scope, realmIds: readonly string[], maker: string | null = null) {
      const writer = { ...tokensOf(scope), confinedTo: null };
      const made = await store.createToken(writer, {
        secretHash: Buffer.from(newId()),
        alias: newId(),
        publicKey: null,
        publicStorage: null,
        ipWhitelist: ["*"],
        permissions: "{}",
        realmIds,
        allowNoRealm: true,
        vaultAccess: false,
        eventAccess: true,
        expiresAt: null,
        createdByTokenId: maker,
        delegationDepth: maker === null ? 0 : 1,
      });
      if (typeof made === "string") throw new Error(made);
      return made.id;
    }

    /** What each realm holds, in the order of the answer. */
    async function usage(scope: Scope, madeFrom: string | null = null): Promise<RealmUsage[]> {
      const { items, total } = await store.realms(scope, tokensOf(scope, madeFrom), many);
      expect(total).toBe(items.length);
      return [...items];
    }

    const named = async (scope: Scope, madeFrom: string | null = null) =>
      (await usage(scope, madeFrom)).map(({ realmId }) => realmId);

    const holds = (realmId: string, counts: Partial<RealmUsage> = {}): RealmUsage => {
      return { realmId, projects: 0, containers: 0, servers: 0, tokens: 0, ...counts };
    };

    test("are none while nothing names one", async () => {
      const { id } = await stage.project(ada);
      await stage.container(ada, id);
      await token(ada, []);
      expect(await usage(ada)).toEqual([]);
    });

    test("are those that projects, containers and tokens name, once each, in order, with what they hold", async () => {
      const shop = await stage.project(ada, { alias: "shop", realmIds: [C, A] });
      const plain = await stage.project(ada, { alias: "plain" });
      const edge = (await store.registerServer("edge")).id;
      await stage.container(ada, shop.id, { name: "one", realmIds: [A] });
      await stage.container(ada, shop.id, { name: "two", realmIds: [A], serverId: edge });
      await stage.container(ada, plain.id, { name: "three", realmIds: [B, A] });
      await token(ada, [D, A]);
      await token(ada, [D]);
      expect(await usage(ada)).toEqual([
        holds(A, { projects: 1, containers: 3, servers: 2, tokens: 1 }),
        holds(B, { containers: 1, servers: 1 }),
        holds(C, { projects: 1 }),
        holds(D, { tokens: 2 }),
      ]);
    });

    test("go with the last thing that names them", async () => {
      const { id } = await stage.project(ada, { realmIds: [A] });
      await token(ada, [A]);
      const second = await token(ada, [A]);
      await store.deleteProject(ada, id);
      expect(await usage(ada)).toEqual([holds(A, { tokens: 2 })]);
      for (const each of (await store.tokens(tokensOf(ada))).tokens) {
        expect(await named(ada)).toEqual([A]);
        await store.deleteToken(tokensOf(ada), each.id);
      }
      expect(await store.token(tokensOf(ada), second)).toBeNull();
      expect(await named(ada)).toEqual([]);
    });

    test("of another user are not told, but those of a project that the user is a member of are", async () => {
      const shared = await stage.project(ada, { alias: "shared", realmIds: [A] });
      const own = await stage.project(ada, { alias: "own", realmIds: [A, B] });
      await stage.container(ada, shared.id, { realmIds: [C] });
      await stage.container(ada, own.id, { realmIds: [D] });
      await token(ada, [D]);
      expect(await usage(bob)).toEqual([]);
      await stage.member(ada, shared.id, bob.userId, ProjectLevel.READ);
      expect(await usage(bob)).toEqual([
        holds(A, { projects: 1 }),
        holds(C, { containers: 1, servers: 1 }),
      ]);
    });

    test("in a realm are that one, with what of it carries the realm; or none", async () => {
      const both = await stage.project(ada, { alias: "both", realmIds: [A, B] });
      await stage.container(ada, both.id, { name: "in-a", realmIds: [A] });
      await stage.container(ada, both.id, { name: "in-b", realmIds: [B] });
      await token(ada, [A, B]);
      const one = { projects: 1, containers: 1, servers: 1, tokens: 1 };
      expect(await usage(inRealm(ada, A))).toEqual([holds(A, one)]);
      expect(await usage(inRealm(ada, C))).toEqual([]);
      expect(await usage({ ...inRealm(ada, A), realms: [A, B] })).toEqual([]);
      expect(await usage({ ...ada, realms: [""] })).toEqual([]);
    });

    test("of a confined caller are its own, whatever else its things name", async () => {
      const { id } = await stage.project(ada, { realmIds: [A, B, C] });
      await stage.container(ada, id, { realmIds: [B, C] });
      const self = await token(ada, [A, B]);
      expect(await named({ ...ada, confinedTo: [A, B] }, self)).toEqual([A, B]);
      expect(await usage(confined(ada, A, B), self)).toEqual([
        holds(A, { projects: 1, tokens: 1 }),
      ]);
      expect(await usage({ ...ada, confinedTo: [] }, self)).toEqual([]);
    });

    test("of a token are named by itself and by what was made from it, not by its siblings", async () => {
      const self = await token(ada, [A]);
      const child = await token(ada, [B], self);
      await token(ada, [B], child);
      await token(ada, [C]);
      await token(bob, [D]);
      expect(await usage(ada, self)).toEqual([holds(A, { tokens: 1 }), holds(B, { tokens: 2 })]);
      expect(await usage(ada, child)).toEqual([holds(B, { tokens: 2 })]);
      expect(await named(ada)).toEqual([A, B, C]);
    });

    test("are cut off at the limit, and all counted", async () => {
      await stage.project(ada, { realmIds: [A, B, C, D] });
      const { items, total } = await store.realms(ada, tokensOf(ada), 3);
      expect(items.map(({ realmId }) => realmId)).toEqual([A, B, C]);
      expect(total).toBe(4);
    });

    test("made up has a new id, its name once for each user, and is listed though nothing names it", async () => {
      const made = await store.createRealm(ada.userId, "acme");
      if (typeof made === "string") throw new Error(made);
      expect(made.id).toMatch(/^[0-9a-f]{24}$/);
      expect(made.name).toBe("acme");
      expect(await store.createRealm(ada.userId, "acme")).toBe("taken");
      const other = await store.createRealm(bob.userId, "acme");
      expect(other).toMatchObject({ name: "acme" });
      expect(await named(ada)).toEqual([made.id]);
      expect(await usage(ada)).toEqual([
        { realmId: made.id, projects: 0, containers: 0, servers: 0, tokens: 0 },
      ]);
      expect(await named(inRealm(ada, A))).toEqual([]);
      expect(await named(confined(ada, A))).toEqual([]);
      expect(await store.deleteRealm(bob.userId, made.id)).toBeFalse();
      expect(await store.deleteRealm(ada.userId, made.id)).toBeTrue();
      expect(await store.deleteRealm(ada.userId, made.id)).toBeFalse();
      expect(await named(ada)).toEqual([]);
    });

    test("made up is called so by its maker and members of the maker's projects in it, and nobody else", async () => {
      const made = await store.createRealm(ada.userId, "acme");
      if (typeof made === "string") throw new Error(made);
      const { id } = made;
      const called = async (scope: Scope) => (await store.realmNames(scope, [id, A])).get(id);
      expect(await called(ada)).toBe("acme");
      expect(await called(confined(ada, id))).toBe("acme");
      // Who knows the id and uses it is not told the name.
      const own = await stage.project(bob, { alias: "own", realmIds: [id] });
      expect(await called(bob)).toBeUndefined();
      // Nor are the members of such a project.
      await store.createUser({ username: "eve", email: "eve@example.test", passwordHash: "" });
      const eve = await store.userForLogin({ username: "eve" });
      await store.addMember(bob, own.id, { username: "eve", level: ProjectLevel.READ });
      expect(await called({ ...bob, userId: eve?.id ?? "" })).toBeUndefined();
      const elsewhere = await stage.project(ada, { alias: "elsewhere", realmIds: [A] });
      await store.addMember(ada, elsewhere.id, { userId: bob.userId, level: ProjectLevel.READ });
      expect(await called(bob)).toBeUndefined();
      const within = await stage.project(ada, { alias: "within", realmIds: [id] });
      await store.addMember(ada, within.id, { userId: bob.userId, level: ProjectLevel.READ });
      expect(await called(bob)).toBe("acme");
    });

    test("made up goes with the account", async () => {
      const made = await store.createRealm(bob.userId, "acme");
      if (typeof made === "string") throw new Error(made);
      expect(await store.deleteAccount(bob.userId, true)).toBeObject();
      expect(await store.realmNames(bob, [made.id])).toEqual(new Map());
    });

    test("made up are so many at most", async () => {
      for (let n = 0; n < realmNamesMax; n++) await store.createRealm(ada.userId, `realm ${n}`);
      expect(await store.createRealm(ada.userId, "one more")).toBe("limit");
      expect(await store.createRealm(bob.userId, "first")).toBeObject();
    });
  });
}
