// The file of secret keys may change while we run: another key is added before it seals, and one goes once nothing needs it.
import { readFileSync } from "node:fs";
import type { KeyRing } from "../admin/store/key-ring.ts";
import { secretKeysFrom, secretKeysMax } from "../config/secret-key.ts";
import type { Log } from "../log.ts";
import { hasKey, isSameKeys } from "./secret-key-file.ts";

/** The folder of the database changes all the time, so it is not watched. */
const POLL_MS = 1_000;

export interface KeyReloadOptions {
  readonly ring: KeyRing;
  /** Null: the keys are in a variable, and stay as they are. */
  readonly path: string | null;
  /** Whether the present first key may have sealed something that lasts; unset: it may. */
  readonly hasSealed?: () => boolean;
  /** Whether keys from before go on to open what they sealed when others are taken instead of them, until a rotation has ended. */
  readonly keepsOld?: boolean;
  /** Whether values come under the first key now, for which the others are needed; unset: never. */
  readonly isRotating?: () => boolean;
  readonly log: Log;
  /** Called when there are other keys. */
  readonly changed?: () => void;
}

/** A file that holds no keys is refused loudly, once, and the keys that there are stay. */
export class KeyReload {
  readonly #options: KeyReloadOptions;
  readonly #timer: ReturnType<typeof setInterval> | null;
  /** What was refused last, so that it is said once. */
  #refusedAs: string | null = null;
  /** Those that the file did not have any more before anything was sealed: they open what was, until all is under the first. */
  #kept: readonly Buffer[] = [];

  constructor(options: KeyReloadOptions) {
    this.#options = options;
    this.#timer = options.path === null ? null : setInterval(() => this.check(), POLL_MS);
    this.#timer?.unref();
  }

  /** Looks at the file now. Never throws. */
  check(): void {
    const { ring, path, log, changed } = this.#options;
    if (path === null) return;
    const read = readKeys(path);
    const keys = typeof read === "string" ? read : this.#taken(read);
    if (typeof keys === "string") {
      if (this.#refusedAs !== keys) {
        log.error({ path }, `secret keys: ${keys}; those from before stay`);
      }
      this.#refusedAs = keys;
      return;
    }
    this.#refusedAs = null;
    if (isSameKeys(keys, ring.masters)) return;
    ring.replace(keys);
    log.info({ path, keys: keys.length }, "the secret keys are others now");
    changed?.();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Or why they are not. What the present first key has sealed must not be shut away by a slip. */
  #taken(keys: readonly Buffer[]): readonly Buffer[] | string {
    const {
      ring,
      hasSealed = () => true,
      keepsOld = false,
      isRotating = () => false,
    } = this.#options;
    const lacking = ring.masters.filter((key) => !hasKey(keys, key));
    if (!hasSealed()) {
      // While a gate waits for the database of another, a whole rotation may pass.
      this.#kept = keepsOld ? lacking.slice(0, secretKeysMax - keys.length) : [];
      return [...keys, ...this.#kept];
    }
    if (hasKey(lacking, ring.first)) {
      return "the key that seals now is not in the file: put another one before it first";
    }
    if (!isRotating()) return keys;
    if (lacking.some((key) => !hasKey(this.#kept, key))) {
      return "one that still opens values is not in the file: they are being sealed with the first";
    }
    return [...keys, ...lacking];
  }
}

/** Or why there are none. */
function readKeys(path: string): readonly Buffer[] | string {
  try {
    const keys = secretKeysFrom(readFileSync(path, "utf8"));
    return keys ?? "the file does not hold 32 bytes in base64";
  } catch (error) {
    return `the file cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`;
  }
}
