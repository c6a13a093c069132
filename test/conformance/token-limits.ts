// What every Store promises of auth tokens where there are many: it is bounded what they take.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { expiredTokensMax, tokenListBytesMax, tokensMax } from "../../src/admin/store/limits.ts";
import type { TokenWriter } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open } from "../harness/open-store.ts";
import { by, TokenStage } from "../harness/token-stage.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const key = "ab".repeat(32);
const dayMs = 86_400_000;

/** `patienceMs`: the time limit of each test, which makes a thousand tokens one after the other. */
export function tokenLimitConformance(name: string, open: Open, patienceMs = 30_000): void {
  describe(`${name}: many auth tokens`, () => {
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

    describe("numbers", () => {
      test(
        "a user has so many tokens that have not expired; suspended ones count",
        async () => {
          const parent = await make(ada, { expiresAt: stage.inDays(3) });
          await updated(ada, (await make(ada)).id, { isEnabled: false });
          for (let n = 2; n < tokensMax; n++) await make(ada, { expiresAt: stage.inDays(1) });
          expect(await tryToMake(ada)).toBe("limit");
          await make(bob);
          // What a token may make is counted by itself.
          await make(by(parent));
          stage.clock.now += dayMs;
          await make(ada);
        },
        patienceMs,
      );

      test(
        "a token makes so many, and those made from them count",
        async () => {
          const parent = await make(ada);
          const child = await make(by(parent));
          await make(by(child));
          const old = await make(by(parent), { expiresAt: stage.inDays(1) });
          for (let n = 3; n < tokensMax; n++) await make(by(parent), { realmIds: [A] });
          expect(await tryToMake(by(parent))).toBe("limit");
          // What counts already may go on.
          await updated(by(parent), old.id, { expiresAt: stage.inDays(1) });
          await make(by(child));
          // A confined one counts what it may see.
          await make(by(parent, { realms: [B], confinedTo: [B] }), { realmIds: [B] });
          stage.clock.now += dayMs;
          const revive = (writer: TokenWriter) =>
            store.updateToken(writer, old.id, () => ({ expiresAt: null }));
          expect(await revive(by(parent))).toBe("limit");
          expect(await updated(by(parent), old.id, { alias: "old" })).toMatchObject({
            alias: "old",
          });
          await store.deleteToken(ada, child.id);
          expect(await revive(by(parent))).toMatchObject({ expiresAt: null });
        },
        patienceMs,
      );

      test(
        "of expired tokens the latest are kept",
        async () => {
          const first = await make(ada, { expiresAt: stage.inDays(1) });
          for (let n = 0; n < expiredTokensMax - 1; n++)
            await make(ada, { expiresAt: stage.inDays(2) });
          stage.clock.now += 2 * dayMs;
          await make(ada, { expiresAt: stage.inDays(1) });
          expect(await store.token(ada, first.id)).not.toBeNull();
          stage.clock.now += dayMs;
          await make(ada);
          expect(await store.token(ada, first.id)).toBeNull();
          expect(await store.tokenCount(ada.userId)).toBe(expiredTokensMax + 1);
        },
        patienceMs,
      );
    });

    describe("a list", () => {
      test(
        "has the newest first, so many, and says that there are more",
        async () => {
          const parent = await make(ada);
          for (let n = 0; n < tokensMax - 1; n++) {
            if (n % 2 === 0) stage.clock.now++;
            await make(ada);
          }
          expect((await store.tokens(ada)).next).toBeNull();
          const newest = await make(by(parent));
          const { tokens, next } = await store.tokens(ada);
          expect(next).not.toBeNull();
          expect(tokens).toHaveLength(tokensMax);
          expect(tokens[0]).toEqual(newest);
          const order = tokens.map(({ alias }) => Number(alias.slice(1)));
          expect(order).toEqual(order.toSorted((one, other) => other - one));
          expect(tokens.some(({ id }) => id === parent.id)).toBeFalse();
        },
        patienceMs,
      );

      test(
        "ends where it would be too much to hold",
        async () => {
          const publicStorage = JSON.stringify({ a: "x".repeat(60_000) });
          const many = Math.ceil(tokenListBytesMax / publicStorage.length);
          for (let n = 0; n < many; n++) await make(ada, { publicKey: key, publicStorage });
          const { tokens, next } = await store.tokens(ada);
          expect(next).not.toBeNull();
          expect(tokens).toHaveLength(many - 1);
        },
        patienceMs,
      );
    });
  });
}
