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
  readonly #keys: () => readonly Uint8Array[];

  /** `keys`: of 32 bytes that nothing else uses, at least one. The first signs now, and tokens of all of them hold. */
  constructor(keys: () => readonly Uint8Array[]) {
    this.#keys = keys;
  }

  make(container: string, nowMs: number): string {
    const until = Math.floor(nowMs) + LIFETIME_MS;
    const [first] = this.#keys();
    if (first === undefined) throw new Error("there is no key for bypass tokens");
    return `${until}.${sign(first, container, until).toString("base64url")}`;
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
      this.#keys().some((key) =>
        timingSafeEqual(Buffer.from(signature, "base64url"), sign(key, container, Number(until))),
      )
    );
  }
}

function sign(key: Uint8Array, container: string, until: number): Buffer {
  return createHmac("sha256", key).update(`${container}.${until}`).digest();
}
