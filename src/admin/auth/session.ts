// User sessions: signed tokens (JWT, RFC 7519), revoked together by incrementing the user's session generation.
import { errors, jwtVerify, SignJWT } from "jose";
import { newId } from "../store/id.ts";
import type { User } from "../store/records.ts";

/** Lifetime of each kind of token, in seconds. */
export const lifetimeS = { access: 86_400, refresh: 604_800 } as const;

/** `access` authenticates calls; `refresh` only obtains a new pair. */
export type SessionKind = keyof typeof lifetimeS;

const algorithm = "HS256";

function audience(kind: SessionKind): string {
  return `realmgate:${kind}`;
}

interface SessionClaims {
  readonly userId: string;
  readonly generation: number;
}

export class Sessions {
  readonly #keys: () => readonly Uint8Array[];
  readonly #now: () => number;

  /**
   * `keys`: 32 bytes each, used for sessions only; the first signs, all of them verify, and they may be others later. `now`: the
   * clock, in milliseconds.
   */
  constructor(keys: () => readonly Uint8Array[], now: () => number) {
    this.#keys = keys;
    this.#now = now;
  }

  /** A new unique token and its expiry. */
  async issue(user: User, kind: SessionKind): Promise<{ token: string; expiresAt: Date }> {
    const [key] = this.#keys();
    if (key === undefined) throw new Error("there is no key for sessions");
    const issuedS = Math.floor(this.#now() / 1000);
    const expiresS = issuedS + lifetimeS[kind];
    const token = await new SignJWT({ gen: user.sessionGeneration })
      .setProtectedHeader({ alg: algorithm, typ: "JWT" })
      .setSubject(user.id)
      .setAudience(audience(kind))
      // Makes tokens of the same second differ.
      .setJti(newId())
      .setIssuedAt(issuedS)
      .setExpirationTime(expiresS)
      .sign(key);
    return { token, expiresAt: new Date(expiresS * 1000) };
  }

  /** Verifies signature, kind and expiry. The caller must still compare the generation with the user's. */
  async verify(token: string, kind: SessionKind): Promise<SessionClaims | "expired" | "invalid"> {
    // jose accepts padding and white space; accept only one spelling of a session.
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return "invalid";
    let result: SessionClaims | "expired" | "invalid" = "invalid";
    for (const key of this.#keys()) {
      result = await this.#verifiedWith(key, token, kind);
      if (result !== "invalid") break;
    }
    return result;
  }

  async #verifiedWith(
    key: Uint8Array,
    token: string,
    kind: SessionKind,
  ): Promise<SessionClaims | "expired" | "invalid"> {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [algorithm],
        audience: audience(kind),
        currentDate: new Date(this.#now()),
        requiredClaims: ["sub", "exp"],
      });
      const { sub, gen } = payload;
      if (typeof sub !== "string" || typeof gen !== "number") return "invalid";
      return { userId: sub, generation: gen };
    } catch (error) {
      return error instanceof errors.JWTExpired ? "expired" : "invalid";
    }
  }
}
