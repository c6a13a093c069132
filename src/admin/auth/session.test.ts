import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { SignJWT } from "jose";
import type { User } from "../store/records.ts";
import { lifetimeS, type SessionKind, Sessions } from "./session.ts";

const key = randomBytes(32);
const start = Date.UTC(2026, 0, 1);
const user: User = {
  id: "0123456789abcdef01234567",
  username: "ada",
  email: null,
  passwordHash: "",
  isAdmin: false,
  isBanned: false,
  sessionGeneration: 3,
  alias: null,
  publicKey: null,
  metadata: "{}",
  createdAt: "",
  updatedAt: "",
};

/** Sessions whose clock is `seconds` after the start. */
function at(seconds: number, with_ = key): Sessions {
  return new Sessions(
    () => [with_],
    () => start + seconds * 1000,
  );
}

const kinds = ["access", "refresh"] as const satisfies readonly SessionKind[];

describe.each(kinds)("a token of kind %s", (kind) => {
  const lifetime = lifetimeS[kind];

  test("names its user, generation and expiry", async () => {
    const { token, expiresAt } = await at(0).issue(user, kind);
    expect(await at(0).verify(token, kind)).toEqual({ userId: user.id, generation: 3 });
    expect(expiresAt.getTime()).toBe(start + lifetime * 1000);
  });

  test.each([
    [lifetime - 1, "works", "its last second"],
    [lifetime, "expired", "the second it ends"],
    [lifetime + 86_400, "expired", "a day later"],
  ] as const)("after %d s: %s (%s)", async (seconds, outcome) => {
    const { token } = await at(0).issue(user, kind);
    const verified = await at(seconds).verify(token, kind);
    expect(typeof verified === "string" ? verified : "works").toBe(outcome);
  });

  test("is invalid as the other kind, before and after its expiry", async () => {
    const { token } = await at(0).issue(user, kind);
    for (const other of kinds.filter((each) => each !== kind)) {
      expect(await at(0).verify(token, other)).toBe("invalid");
      expect(await at(lifetime).verify(token, other)).not.toBeObject();
    }
  });

  test("differs from another one of the same second", async () => {
    const [one, other] = [await at(0).issue(user, kind), await at(0).issue(user, kind)];
    expect(one.token).not.toBe(other.token);
  });
});

describe("an access token", () => {
  test("does not verify with another key", async () => {
    const { token } = await at(0, randomBytes(32)).issue(user, "access");
    expect(await at(0).verify(token, "access")).toBe("invalid");
  });

  test("does not verify once any part of it was changed", async () => {
    const { token } = await at(0).issue(user, "access");
    const [header = "", , signature = ""] = token.split(".");
    const other = Buffer.from(JSON.stringify({ sub: "f".repeat(24), gen: 3 })).toString(
      "base64url",
    );
    for (const changed of [
      `${header}.${other}.${signature}`,
      `${header}.${token.split(".")[1]}.${"A".repeat(signature.length)}`,
      token.split(".").slice(0, 2).join("."),
    ]) {
      expect(await at(0).verify(changed, "access")).toBe("invalid");
    }
  });

  interface Claims {
    readonly sub?: string;
    readonly gen?: unknown;
    readonly aud?: string;
    readonly exp?: number;
  }
  const exp = start / 1000 + 60;
  const good: Claims = { sub: user.id, gen: 3, aud: "realmgate:access", exp };

  function sign(claims: Claims, alg = "HS256", with_: Uint8Array = key): Promise<string> {
    return new SignJWT({ ...claims }).setProtectedHeader({ alg }).sign(with_);
  }

  test("is accepted when all its claims are right", async () => {
    expect(await at(0).verify(await sign(good), "access")).toEqual({
      userId: user.id,
      generation: 3,
    });
  });

  test.each([
    [{ ...good, aud: "realmgate:refresh" }, "another audience"],
    [{ sub: user.id, gen: 3, exp }, "no audience"],
    [{ gen: 3, aud: "realmgate:access", exp }, "no subject"],
    [{ ...good, gen: "3" }, "a generation that is no number"],
    [{ sub: user.id, aud: "realmgate:access", exp }, "no generation"],
    [{ sub: user.id, gen: 3, aud: "realmgate:access" }, "no end"],
  ] as const)("is not %j: %s", async (claims) => {
    expect(await at(0).verify(await sign(claims), "access")).toBe("invalid");
  });

  test("must use HS256, even with the right key", async () => {
    const long = randomBytes(64);
    const sessions = at(0, long);
    expect(await sessions.verify(await sign(good, "HS256", long), "access")).not.toBe("invalid");
    for (const alg of ["HS384", "HS512"]) {
      expect(await sessions.verify(await sign(good, alg, long), "access")).toBe("invalid");
    }
    const none = [{ alg: "none" }, good]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    expect(await sessions.verify(`${none}.`, "access")).toBe("invalid");
  });

  test.each(["", ".", "..", "a.b.c", "garbage", "é.é.é"])("is not %j", async (text) => {
    expect(await at(0).verify(text, "access")).toBe("invalid");
  });
});
