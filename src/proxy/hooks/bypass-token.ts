import { createHmac, timingSafeEqual } from "node:crypto";

/** Carries the token. One that a client sends is checked, and never forwarded. */
export const BYPASS_HEADER = "x-realmgate-hop";

/** How long a script may use its token, in milliseconds. */
const LIFETIME_MS = 60_000;
/** Between clocks of proxies. Only the signature says that a token is ours: one from a clock that is ahead is as good. */
const AHEAD_MAX_MS = 10 * 60_000;
/** Of clocks that are ahead of the one that made it. It is longer for all that: whoever has a token skips hooks of one container. */
const GRACE_MS = 60_000;

/**
 * Bypass tokens: signed proof that a request comes from the script of a hook, which may call its container through the gate
 * without meeting a hook again. Valid for one container and one minute, and another one for clocks of other proxies.
 */
export class BypassTokens {
  readonly #key: Uint8Array;

  /** `key`: 32 bytes that nothing else uses. */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  make(container: string, nowMs: number): string {
    const until = Math.floor(nowMs) + LIFETIME_MS;
    return `${until}.${this.#sign(container, until).toString("base64url")}`;
  }

  /** Whether the token is for this container and has not expired. */
  holds(token: string | null, container: string, nowMs: number): boolean {
    const [, until, signature] = /^(\d{13,15})\.([\w-]{43})$/.exec(token ?? "") ?? [];
    if (until === undefined || signature === undefined) {
      return false;
    }
    const remainingMs = Number(until) - nowMs;
    return (
      remainingMs > -GRACE_MS &&
      remainingMs <= LIFETIME_MS + AHEAD_MAX_MS &&
      timingSafeEqual(Buffer.from(signature, "base64url"), this.#sign(container, Number(until)))
    );
  }

  #sign(container: string, until: number): Buffer {
    return createHmac("sha256", this.#key).update(`${container}.${until}`).digest();
  }
}
