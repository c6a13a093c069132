// User sessions: signed access tokens (JWT, RFC 7519) that end with their user's session generation.
import { errors, jwtVerify, SignJWT } from "jose";
import { newId } from "../store/id.ts";
import type { User } from "../store/records.ts";

/** How long a token of each kind works, in seconds. */
export const lifetimeS = { access: 86_400, refresh: 604_800 } as const;

/** `access` calls methods; `refresh` gets a new pair and nothing else. */
export type SessionKind = keyof typeof lifetimeS;

const algorithm = "HS256";

function audience(kind: SessionKind): string {
  return `realmgate:${kind}`;
}

export interface SessionClaims {
  readonly userId: string;
  readonly generation: number;
}

export class Sessions {
  readonly #key: Uint8Array;
  readonly #now: () => number;

  /** `key`: 32 bytes that nothing else uses. `now`: the clock, in milliseconds. */
  constructor(key: Uint8Array, now: () => number) {
    this.#key = key;
    this.#now = now;
  }

  /** A new token, unlike any before, and when it ends. */
  async issue(user: User, kind: SessionKind): Promise<{ token: string; expiresAt: Date }> {
    const issuedS = Math.floor(this.#now() / 1000);
    const expiresS = issuedS + lifetimeS[kind];
    const token = await new SignJWT({ gen: user.sessionGeneration })
      .setProtectedHeader({ alg: algorithm, typ: "JWT" })
      .setSubject(user.id)
      .setAudience(audience(kind))
      // Two of one second differ.
      .setJti(newId())
      .setIssuedAt(issuedS)
      .setExpirationTime(expiresS)
      .sign(this.#key);
    return { token, expiresAt: new Date(expiresS * 1000) };
  }

  /** Whose token it is. The caller still has to compare the generation with the user's. */
  async verify(token: string, kind: SessionKind): Promise<SessionClaims | "expired" | "invalid"> {
    // jose takes padding and white space; a session has one spelling.
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return "invalid";
    try {
      const { payload } = await jwtVerify(token, this.#key, {
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
