// What every Store promises of auth tokens.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { NewToken, Token, TokenWriter } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open } from "../harness/open-store.ts";
import { plainToken } from "../harness/token-bench.ts";
import { by, TokenStage } from "../harness/token-stage.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const C = "c".repeat(24);
const nobody = "0".repeat(24);
const key = "ab".repeat(32);
export function tokenConformance(name: string, open: Open): void {
  describe(`${name}: auth tokens`, () => {
    let stage: TokenStage;
    let store: Store;
    let ada: TokenWriter;
    let bob: TokenWriter;

    beforeEach(async () => {
      stage = await TokenStage.open(open);
      ({ store, ada, bob } = stage);
    });

    afterEach(() => stage[Symbol.asyncDispose]());

    const make: TokenStage["make"] = (...made) => stage.make(...made);
    const tryToMake: TokenStage["tryToMake"] = (...made) => stage.tryToMake(...made);
    const updated: TokenStage["updated"] = (...change) => stage.updated(...change);

    const listed = async (writer: TokenWriter) =>
      (await store.tokens(writer)).tokens.map(({ alias }) => alias).sort();

    describe("a token", () => {
      test("is kept as it was made, and there after the store was closed", async () => {
        const fields: NewToken = {
          alias: "deploy",
          publicKey: key,
          publicStorage: '{"tier":"gold"}',
          ipWhitelist: ["10.0.0.0/8", "192.0.2.1"],
          permissions: '{"projects":{"read":true}}',
          realmIds: [B, A, B],
          allowNoRealm: false,
          vaultAccess: true,
          eventAccess: false,
          expiresAt: stage.inDays(1),
          createdByTokenId: null,
          delegationDepth: 0,
        };
        const secretHash = randomBytes(32);
        const made = await store.createToken(ada, { ...fields, secretHash });
        const time = stage.time;
        expect(made).toEqual({
          ...fields,
          id: expect.stringMatching(/^[0-9a-f]{24}$/),
          userId: ada.userId,
          realmIds: [A, B],
          isEnabled: true,
          lastUsedAt: null,
          lastUsedIp: null,
          createdAt: time,
          updatedAt: time,
        });
        if (typeof made === "string") throw new Error(made);
        store = await stage.reopen();
        expect(await store.token(ada, made.id)).toEqual(made);
        expect(await store.tokenChain(secretHash)).toEqual([made]);
        expect(await store.tokens(ada)).toEqual({ tokens: [made], next: null });
        expect(await store.tokenCount(ada.userId)).toBe(1);
        expect(await store.tokenCount(bob.userId)).toBe(0);
      });

      test("is found by the hash of its secret, with all it was made from", async () => {
        const parent = await make(ada);
        const child = await make(by(parent), { delegationDepth: 1 });
        const secretHash = randomBytes(32);
        const fields = { createdByTokenId: child.id, delegationDepth: 2, secretHash };
        const grandchild = await store.createToken(by(child), { ...plainToken, ...fields });
        if (typeof grandchild === "string") throw new Error(grandchild);
        expect(await store.tokenChain(secretHash)).toEqual([grandchild, child, parent]);
        expect(await store.chainOf(ada, grandchild.id)).toEqual([grandchild, child, parent]);
        expect(await store.chainOf(by(parent), child.id)).toEqual([child, parent]);
        expect(await store.chainOf(by(child), child.id)).toEqual([]);
        expect(await store.tokenChain(randomBytes(32))).toEqual([]);
      });

      test("is noted as used without having changed", async () => {
        const made = await make(ada);
        stage.clock.now += 1000;
        const use = await store.touchToken(made.id, "192.0.2.1");
        expect(use).toEqual({ lastUsedAt: stage.time, lastUsedIp: "192.0.2.1" });
        expect(await store.token(ada, made.id)).toEqual({ ...made, ...use });
      });

      test("made by a token that is gone is not made", async () => {
        const parent = await make(ada);
        await store.deleteToken(ada, parent.id);
        expect(await tryToMake(by(parent))).toBe("gone");
        expect(await store.tokenCount(ada.userId)).toBe(0);
      });
    });

    describe("a scope", () => {
      test("of a session has all of its user's, and nobody else's", async () => {
        const parent = await make(ada, { alias: "parent" });
        await make(by(parent), { alias: "child" });
        await make(bob, { alias: "of bob" });
        expect(await listed(ada)).toEqual(["child", "parent"]);
        expect(await listed(bob)).toEqual(["of bob"]);
        expect(await store.token(bob, parent.id)).toBeNull();
      });

      test("of a token has those made from it, however far, and neither itself nor the others", async () => {
        const parent = await make(ada, { alias: "parent" });
        const sibling = await make(ada, { alias: "sibling" });
        const child = await make(by(parent), { alias: "child" });
        await make(by(child), { alias: "grandchild" });
        await make(by(sibling), { alias: "nephew" });
        expect(await listed(by(parent))).toEqual(["child", "grandchild"]);
        expect(await listed(by(child))).toEqual(["grandchild"]);
        expect(await store.token(by(child), child.id)).toBeNull();
        expect(await store.token(by(child), parent.id)).toBeNull();
        // Whose token it is counts, too.
        expect(await listed({ ...by(parent), userId: bob.userId })).toEqual([]);
      });

      test("has what carries all of its realms", async () => {
        const both = await make(ada, { alias: "both", realmIds: [A, B] });
        await make(ada, { alias: "one", realmIds: [A] });
        await make(ada, { alias: "none" });
        expect(await listed({ ...ada, realms: [A] })).toEqual(["both", "one"]);
        expect(await listed({ ...ada, realms: [A, B] })).toEqual(["both"]);
        expect(await listed({ ...ada, realms: [C] })).toEqual([]);
        expect(await listed({ ...ada, realms: [""] })).toEqual([]);
        const outside = { ...ada, realms: [C] };
        expect(await store.token(outside, both.id)).toBeNull();
        expect(await store.chainOf(outside, both.id)).toEqual([]);
        expect(await store.updateToken(outside, both.id, () => ({ alias: "x" }))).toBeNull();
        expect(await store.deleteToken(outside, both.id)).toBeFalse();
        expect(await store.token({ ...ada, realms: [B] }, both.id)).toEqual(both);
      });
    });

    describe("a change", () => {
      test("is of what is named, and is told what was there", async () => {
        const made = await make(ada, { realmIds: [A], publicKey: key });
        stage.clock.now += 1000;
        const updatedAt = stage.time;
        const change = { realmIds: [B, C], ipWhitelist: ["10.0.0.1"], publicKey: null };
        const seen: Token[] = [];
        const token = await store.updateToken(ada, made.id, (present) => {
          seen.push(present);
          return change;
        });
        expect(seen).toEqual([made]);
        expect(token).toEqual({ ...made, ...change, updatedAt });
        expect(await store.token(ada, made.id)).toEqual({ ...made, ...change, updatedAt });
      });

      test("of nothing changes nothing", async () => {
        const made = await make(ada);
        stage.clock.now += 1000;
        expect(await updated(ada, made.id, {})).toEqual(made);
      });

      test("that is thought better of leaves everything as it was", async () => {
        const made = await make(ada);
        const change = store.updateToken(ada, made.id, () => {
          throw new Error("on second thoughts");
        });
        await expect(change).rejects.toThrow("on second thoughts");
        expect(await store.token(ada, made.id)).toEqual(made);
        expect(await updated(ada, made.id, { alias: "after all" })).toMatchObject({
          alias: "after all",
        });
      });

      test("of what is not there is none, and is not asked what it would be", async () => {
        const made = await make(ada);
        const ask = () => {
          throw new Error("it was asked");
        };
        expect(await store.updateToken(bob, made.id, ask)).toBeNull();
        expect(await store.updateToken(by(made), made.id, ask)).toBeNull();
        expect(await store.updateToken(ada, nobody, ask)).toBeNull();
        expect(await store.updateOwnProfile(nobody, ask)).toBeNull();
      });

      test("of a token's own profile", async () => {
        const made = await make(ada);
        const profile = { publicKey: key, publicStorage: "{}" };
        const changed = await store.updateOwnProfile(made.id, (present) => {
          expect(present).toEqual(made);
          return profile;
        });
        expect(changed).toMatchObject({ ...made, ...profile });
      });

      test("64 at once all count", async () => {
        const { id } = await make(ada);
        const realms = Array.from({ length: 64 }, (_, n) => n.toString(16).padStart(24, "0"));
        await Promise.all(
          realms.map((realmId) =>
            store.updateToken(ada, id, ({ realmIds }) => ({ realmIds: [...realmIds, realmId] })),
          ),
        );
        expect((await store.token(ada, id))?.realmIds).toEqual(realms);
      });
    });

    describe("an end", () => {
      test("takes all that was made from it along", async () => {
        const parent = await make(ada);
        const secretHash = randomBytes(32);
        const child = await make(by(parent));
        const fields = { ...plainToken, alias: "last", createdByTokenId: child.id, secretHash };
        await store.createToken(by(child), fields);
        await make(ada, { alias: "other" });
        expect(await store.deleteToken(ada, parent.id)).toBeTrue();
        expect(await listed(ada)).toEqual(["other"]);
        expect(await store.tokenChain(secretHash)).toEqual([]);
        expect(await store.deleteToken(ada, parent.id)).toBeFalse();
      });

      test("of a token by itself, or by another's, is none", async () => {
        const parent = await make(ada);
        const child = await make(by(parent));
        expect(await store.deleteToken(by(parent), parent.id)).toBeFalse();
        expect(await store.deleteToken(by(child), parent.id)).toBeFalse();
        expect(await store.deleteToken(bob, parent.id)).toBeFalse();
        expect(await store.tokenCount(ada.userId)).toBe(2);
      });
    });

    describe("an alias", () => {
      test("is taken once among a user's tokens for its sessions", async () => {
        const parent = await make(ada, { alias: "x" });
        const child = await make(by(parent), { alias: "y" });
        expect(await tryToMake(ada, { alias: "x" })).toBe("duplicate");
        expect(await tryToMake(ada, { alias: "y" })).toBe("duplicate");
        expect(await tryToMake({ ...ada, realms: [A] }, { alias: "x" })).toBe("duplicate");
        expect(await store.updateToken(ada, child.id, () => ({ alias: "x" }))).toBe("duplicate");
        expect(await updated(ada, child.id, { alias: "y" })).toMatchObject({ alias: "y" });
        await make(ada, { alias: "X" });
        await make(bob, { alias: "x" });
      });

      test("is taken for a token only by what was made from it", async () => {
        const parent = await make(ada, { alias: "x" });
        const sibling = await make(ada, { alias: "y" });
        await make(by(sibling), { alias: "z" });
        for (const alias of ["x", "y", "z"]) {
          const made = await make(by(parent), { alias });
          expect(await tryToMake(by(parent), { alias })).toBe("duplicate");
          await make(by(made), { alias });
        }
      });

      test("is taken for a confined token only by what carries a realm of its own", async () => {
        const parent = await make(ada, { realmIds: [A, B] });
        const confined = by(parent, { realms: [A], confinedTo: [A, B] });
        const first = await make(confined, { alias: "x", realmIds: [B] });
        // On another host of its own it would see it.
        expect(await tryToMake(confined, { alias: "x", realmIds: [A] })).toBe("duplicate");
        const other = await make(confined, { alias: "y", realmIds: [A] });
        const rename = () => store.updateToken(confined, other.id, () => ({ alias: "x" }));
        expect(await rename()).toBe("duplicate");
        await updated(ada, first.id, { realmIds: [C] });
        expect(await rename()).toMatchObject({ alias: "x" });
      });
    });

    describe("a public key", () => {
      test("finds who has had it for longest, be the token of another who takes it up older", async () => {
        const older = await make(bob, { publicStorage: null });
        stage.clock.now++;
        const holder = await make(ada, { publicKey: key, publicStorage: '{"n":0}' });
        stage.clock.now++;
        const forged = { publicKey: key, publicStorage: '{"n":666}' };
        await updated(bob, older.id, forged);
        expect(await store.publicProfile(key, [])).toEqual({ publicStorage: '{"n":0}' });
        // What changes beside the key changes nothing of whose it is.
        stage.clock.now++;
        await updated(ada, holder.id, { alias: "renamed", publicKey: key });
        expect(await store.publicProfile(key, [])).toEqual({ publicStorage: '{"n":0}' });
        const own = () => ({ publicKey: null, publicStorage: null });
        await store.updateOwnProfile(holder.id, own);
        expect(await store.publicProfile(key, [])).toEqual({ publicStorage: '{"n":666}' });
        await store.updateOwnProfile(holder.id, () => ({ ...forged, publicStorage: null }));
        expect(await store.publicProfile(key, [])).toEqual({ publicStorage: '{"n":666}' });
      });

      test("finds the first of any user's tokens that carry the realms", async () => {
        await make(ada, { publicKey: key, publicStorage: '{"n":0}' });
        await make(bob, { publicKey: key, publicStorage: '{"n":1}', realmIds: [A] });
        stage.clock.now++;
        await make(ada, { publicKey: key, realmIds: [A, B] });
        expect(await store.publicProfile(key, [])).toEqual({ publicStorage: '{"n":0}' });
        expect(await store.publicProfile(key, [A])).toEqual({ publicStorage: '{"n":1}' });
        expect(await store.publicProfile(key, [A, B])).toEqual({ publicStorage: null });
        expect(await store.publicProfile(key, [C])).toBeNull();
        expect(await store.publicProfile(key.toUpperCase(), [])).toBeNull();
      });
    });
  });
}
