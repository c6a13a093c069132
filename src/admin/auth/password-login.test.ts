// A login costs the same and counts the same whether the user exists or not.
import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { SecretBox } from "../store/sealed.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Store } from "../store/store.ts";
import { LoginLimiter } from "./login-limiter.ts";
import { PasswordLogin } from "./password-login.ts";

const password = "correct horse 1";
const here = "203.0.113.7";
/** Failures per network and window (login-limiter.ts). */
const failuresMax = 1000;

let store: Store;
let logins: PasswordLogin;

beforeEach(async () => {
  const box = new SecretBox(randomBytes(32), "documents");
  store = openSqliteStore({ path: ":memory:", box, now: Date.now });
  logins = new PasswordLogin(store, new LoginLimiter(() => 0));
  const passwordHash = await logins.hash(password);
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

describe("a login that fails", () => {
  test.each(attempts)("computes one hash, of the usual cost, for %s", async (_, name, sent) => {
    const usual = costOf(await logins.hash(password));
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

  test.each(attempts)("counts against its network for %s", async (_, name, sent) => {
    const verify = spyOn(Bun.password, "verify").mockResolvedValue(false);
    try {
      for (let n = 0; n < failuresMax; n++) await refusal(name, sent);
      expect(await refusal(name, sent)).toBe(ErrorCode.RATE_LIMITED);
      expect(await refusal("ada", password)).toBe(ErrorCode.RATE_LIMITED);
    } finally {
      verify.mockRestore();
    }
  });
});

test("a login that succeeds does not count", async () => {
  const verify = spyOn(Bun.password, "verify").mockResolvedValue(true);
  try {
    for (let n = 0; n <= failuresMax; n++) expect(await refusal("ada", password)).toBeNull();
  } finally {
    verify.mockRestore();
  }
});
