import { createHmac, timingSafeEqual } from "node:crypto";

/** Carries the marker. The client's own is never passed on. */
export const HOP_HEADER = "x-realmgate-hop";

/** How long a script may use its marker, in milliseconds. */
const LIFETIME_MS = 60_000;

/**
 * Says, to whom can check it, that a request comes from the script of a hook: it may call its container through the gate
 * without meeting a hook again. Good for one container and one minute.
 */
export class HopMarker {
  readonly #key: Uint8Array;

  /** `key`: 32 bytes that nothing else uses. */
  constructor(key: Uint8Array) {
    this.#key = key;
  }

  make(container: string, nowMs: number): string {
    const until = Math.floor(nowMs) + LIFETIME_MS;
    return `${until}.${this.#sign(container, until).toString("base64url")}`;
  }

  /** Whether it was made for this container, and its minute is not over. */
  holds(marker: string | null, container: string, nowMs: number): boolean {
    const [, until, signature] = /^(\d{13,15})\.([\w-]{43})$/.exec(marker ?? "") ?? [];
    if (until === undefined || signature === undefined) {
      return false;
    }
    const remainingMs = Number(until) - nowMs;
    return (
      remainingMs > 0 &&
      remainingMs <= LIFETIME_MS &&
      timingSafeEqual(Buffer.from(signature, "base64url"), this.#sign(container, Number(until)))
    );
  }

  #sign(container: string, until: number): Buffer {
    return createHmac("sha256", this.#key).update(`${container}.${until}`).digest();
  }
}
