// A login costs the same and counts the same whether the user exists or not, and what others do does not lock it out.
import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { SecretBox } from "../store/sealed.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";
import { LoginLimiter, loginLimits } from "./login-limiter.ts";
import { PasswordLogin } from "./password-login.ts";

const password = "correct horse 1";
const here = "203.0.113.7";
const attempt = { clientAddress: here, account: "setup" };

const email = "bob@example.test";
const hashOf = (text: string) =>
  Bun.password.hash(text, { algorithm: "argon2id", memoryCost: 8, timeCost: 2 });

let store: Store;
let logins: PasswordLogin;

beforeEach(async () => {
  const box = new SecretBox(randomBytes(32), "documents");
  store = openSqliteStore({ path: ":memory:", box, now: Date.now });
  logins = new PasswordLogin(store, new LoginLimiter(() => 0));
  const passwordHash = await logins.hash(password, attempt);
  await store.createFirstUser({ username: "ada", passwordHash });
});

afterEach(() => store.close());

async function refusal(name: string, sent: string): Promise<ErrorCode | null> {
  try {
    await logins.check(name, sent, here);
    return null;
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
}

/** The parameters of an argon2 hash: everything except salt and digest. */
function costOf(hash: unknown): string {
  return String(hash).split("$").slice(0, 4).join("$");
}

const attempts = [
  ["a wrong password", "ada", "wrong horse 1"],
  ["an unknown name", "nobody", password],
  ["an unknown address", "nobody@example.com", password],
  ["an empty password", "ada", ""],
  ["a password that is too long for anybody", "ada", "x".repeat(129)],
] as const;

test.each(["ada\0", "ada\0@example.test"])(
  "no store is asked for the name %j, which PostgreSQL would refuse",
  async (name) => {
    const asked = spyOn(store, "userForLogin");
    expect(await refusal(name, password)).toBe(ErrorCode.INVALID_CREDENTIALS);
    expect(asked).not.toHaveBeenCalled();
  },
);

describe("a login that fails", () => {
  test.each(attempts)("computes one hash, of the usual cost, for %s", async (_, name, sent) => {
    const usual = costOf(await logins.hash(password, attempt));
    expect(usual).toStartWith("$argon2id$");
    // The decoy hash is computed once, before its first use.
    await refusal("nobody", "-");
    const verify = spyOn(Bun.password, "verify");
    try {
      expect(await refusal(name, sent)).toBe(ErrorCode.INVALID_CREDENTIALS);
      expect(verify.mock.calls.map(([, hash]) => costOf(hash))).toEqual([usual]);
    } finally {
      verify.mockRestore();
    }
  });

  test.each(attempts)("counts for its account and network for %s", async (_, name, sent) => {
    const verify = spyOn(Bun.password, "verify").mockResolvedValue(false);
    try {
      const { free } = loginLimits.fromNetwork;
      for (let n = 0; n < free; n++) {
        expect(await refusal(name, sent)).toBe(ErrorCode.INVALID_CREDENTIALS);
      }
      expect(await refusal(name, sent)).toBe(ErrorCode.RATE_LIMITED);
      expect(verify).toHaveBeenCalledTimes(free);
    } finally {
      verify.mockRestore();
    }
  });
});

describe("with 1,000 failures from one address", () => {
  test.each([
    ["for one account", () => "ada"],
    ["for one unknown account", () => "nobody"],
    ["for as many accounts", (n: number) => `user-${n}`],
  ])("%s, another account's right password gets in from there", async (_, nameOf) => {
    const verify = spyOn(Bun.password, "verify").mockResolvedValue(false);
    for (let n = 0; n < 1000; n++) await refusal(nameOf(n), "wrong");
    verify.mockRestore();
    await store.createUser({ username: "bob", email, passwordHash: await hashOf(password) });
    expect(await refusal("bob", password)).toBeNull();
  });
});

test("an account whose checks hang keeps no other account from logging in", async () => {
  const verify = spyOn(Bun.password, "verify").mockReturnValue(new Promise(() => {}));
  for (let n = 0; n < 70; n++) {
    logins.check("ada", password, `198.51.100.${n}`).catch(() => null);
  }
  await new Promise((resolve) => setImmediate(resolve));
  verify.mockRestore();
  await store.createUser({ username: "bob", email, passwordHash: await hashOf(password) });
  expect(await refusal("bob", password)).toBeNull();
});

test("whoever is no account's name holds up nothing else that counts under an account", async () => {
  const user = await store.userForLogin({ username: "ada" });
  if (user === null) throw new Error("there is no user");
  for (let n = 0; n < 12; n++) await refusal(`account ${user.id}`, "wrong horse 1");
  expect(await refusal(`account ${user.id}`, "wrong horse 1")).toBe(ErrorCode.RATE_LIMITED);
  expect((await logins.checkAgain(user, password, here)).id).toBe(user.id);
});
