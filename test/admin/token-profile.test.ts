import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { CreateTokenRequestSchema, TokenService } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { noProfile, profileAfter } from "../../src/admin/tokens/token-profile.ts";
import { TokenBench } from "../harness/token-bench.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const key = "ab".repeat(32);
const otherKey = "cd".repeat(32);
const card = { company: "Acme", tier: { name: "gold", since: 2026 }, tags: ["a", null, true] };
const { createToken, updateToken, getToken, updatePublicProfile, getPublicProfile } =
  TokenService.method;

let bench: TokenBench;

beforeEach(async () => {
  bench = new TokenBench();
  await bench.addUser("ada");
  await bench.addUser("bob");
});

afterEach(() => bench[Symbol.asyncDispose]());

describe("a profile", () => {
  test("is kept with its key in small letters, and shown as it was sent", async () => {
    const made = await bench.create("ada", {
      public_key: key.toUpperCase(),
      public_storage: card,
    });
    expect(made).toMatchObject({ public_key: key, public_storage: card });
    const { id } = made;
    expect((await bench.data("ada", getToken, { id })).public_storage).toEqual(card);
  });

  test.each([
    ["storage without a key", { public_storage: {} }, "VALIDATION_ERROR", "/public_storage"],
    [
      "storage with no key",
      { public_key: null, public_storage: {} },
      "VALIDATION_ERROR",
      "/public_storage",
    ],
    ["a short key", { public_key: key.slice(1) }, "INVALID_PUBLIC_KEY_FORMAT", "/public_key"],
    [
      "a key of other letters",
      { public_key: `g${key.slice(1)}` },
      "INVALID_PUBLIC_KEY_FORMAT",
      "/public_key",
    ],
  ])("is refused with %s, made or changed", async (_what, json: JsonObject, code, at) => {
    const refused = { code, data: null, at: [at] };
    expect(await bench.call("ada", createToken, json)).toEqual(refused);
    const { id, token } = await bench.create("ada");
    expect(await bench.call("ada", updateToken, { id, ...json })).toEqual(refused);
    expect(await bench.call(token, updatePublicProfile, json)).toEqual(refused);
  });

  test.each([
    ["ascii", "x".repeat(65_536 - 8), true],
    ["one byte more", "x".repeat(65_536 - 7), false],
    ["letters of two bytes", "é".repeat((65_536 - 8) / 2), true],
    ["one byte more", `${"é".repeat((65_536 - 8) / 2)}x`, false],
  ])("has at most 64 KiB as JSON in UTF-8: %s", async (_what, text, fits) => {
    const json = { public_key: key, public_storage: { a: text } };
    const { code } = await bench.call("ada", createToken, json);
    expect(code).toBe(fits ? "ok" : "PUBLIC_STORAGE_TOO_LARGE");
  });

  test("is refused where only a binary message can say it", () => {
    let deep: JsonObject = {};
    for (let level = 1; level < 32; level++) deep = { deeper: deep };
    const after = (publicStorage: JsonObject) =>
      profileAfter(
        noProfile,
        create(CreateTokenRequestSchema, { publicKey: key, publicStorage }),
        new Set(["public_key", "public_storage"]),
      );
    expect(after(deep).publicStorage).toStartWith('{"deeper":{"deeper":');
    expect(() => after({ deeper: deep })).toThrow("Validation failed");
    expect(() => after({ list: [1, Number.NaN] })).toThrow("Validation failed");
    expect(() => after({ number: Infinity })).toThrow("Validation failed");
  });
});

describe("a change of a profile", () => {
  const start = { public_key: key, public_storage: card };

  test.each([
    ["storage", { public_storage: { new: 1 } }, { public_key: key, public_storage: { new: 1 } }],
    ["another key", { public_key: otherKey }, { public_key: otherKey, public_storage: card }],
    ["storage taken away", { public_storage: null }, { public_key: key }],
    ["the key taken away, and the storage with it", { public_key: null }, {}],
    ["both taken away", { public_key: null, public_storage: null }, {}],
  ])("%s", async (_what, json: JsonObject, after) => {
    for (const own of [true, false]) {
      const { id, token } = await bench.create("ada", start);
      const { public_key, public_storage } = own
        ? await bench.data(token, updatePublicProfile, json)
        : await bench.data("ada", updateToken, { id, ...json });
      expect({ public_key, public_storage }).toEqual({
        public_key: undefined,
        public_storage: undefined,
        ...after,
      });
    }
  });

  test("that a token makes is of itself, and needs its leaf", async () => {
    const { id, token } = await bench.create("ada");
    const changed = await bench.data(token, updatePublicProfile, { public_key: key });
    expect(changed).toMatchObject({ id, public_key: key });
    expect(changed.token).toBeUndefined();
    const without = await bench.create("ada", { permission_template: "read_only" });
    const refused = await bench.call(without.token, updatePublicProfile, { public_key: key });
    expect(refused.code).toBe("INSUFFICIENT_PERMISSIONS");
    const session = await bench.call("ada", updatePublicProfile, { public_key: key });
    expect(session.code).toBe("TOKEN_REQUIRED");
  });

  test("says something", async () => {
    const { token } = await bench.create("ada");
    const { code, at } = await bench.call(token, updatePublicProfile, {});
    expect({ code, at }).toEqual({ code: "VALIDATION_ERROR", at: [""] });
  });
});

describe("a public key", () => {
  test("finds the storage, whoever asks and however it is spelled", async () => {
    await bench.create("ada", { public_key: key, public_storage: card });
    const { token } = await bench.create("bob", { permissions: {} });
    for (const public_key of [key, key.toUpperCase()]) {
      const profile = await bench.data(token, getPublicProfile, { public_key });
      expect(profile).toEqual({ public_key: key, public_storage: card });
    }
  });

  test("finds the oldest of several, in the realm of the host", async () => {
    for (const [realm_ids, n] of [
      [[], 0],
      [[A], 1],
      [[A, B], 2],
    ] as const) {
      const json = { public_key: key, public_storage: { n }, realm_ids: [...realm_ids] };
      await bench.create("ada", json);
      bench.now++;
    }
    const find = async (realm?: string) => {
      const { data } = await bench.call("bob", getPublicProfile, { public_key: key }, { realm });
      return data?.public_storage.n;
    };
    expect(await find()).toBe(0);
    expect(await find(A)).toBe(1);
    expect(await find(B)).toBe(2);
    expect(await find("c".repeat(24))).toBeUndefined();
  });

  test("without storage finds none; unknown or malformed it is refused", async () => {
    await bench.create("ada", { public_key: key });
    const find = (public_key: string) => bench.call("ada", getPublicProfile, { public_key });
    expect((await find(key)).data).toEqual({ public_key: key });
    expect((await find(otherKey)).code).toBe("TOKEN_NOT_FOUND");
    expect((await find("x")).code).toBe("INVALID_PUBLIC_KEY_FORMAT");
  });
});
