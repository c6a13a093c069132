// The file of secret keys may change while we run: another key is added before it seals, and one goes once nothing needs it.
import { readFileSync } from "node:fs";
import type { KeyRing } from "../admin/store/key-ring.ts";
import { secretKeysFrom } from "../config/secret-key.ts";
import type { Log } from "../log.ts";
import { isSameKeys } from "./secret-key-file.ts";

/** The folder of the database changes all the time, so it is not watched. */
const POLL_MS = 1_000;

export interface KeyReloadOptions {
  readonly ring: KeyRing;
  /** Null: the keys are in a variable, and stay as they are. */
  readonly path: string | null;
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

  constructor(options: KeyReloadOptions) {
    this.#options = options;
    this.#timer = options.path === null ? null : setInterval(() => this.check(), POLL_MS);
    this.#timer?.unref();
  }

  /** Looks at the file now. Never throws. */
  check(): void {
    const { ring, path, log, changed } = this.#options;
    if (path === null) return;
    const keys = this.#read(path, ring.first);
    if (keys === null || isSameKeys(keys, ring.masters)) return;
    ring.replace(keys);
    log.info({ path, keys: keys.length }, "the secret keys are others now");
    changed?.();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #read(path: string, sealing: Buffer): readonly Buffer[] | null {
    const read = readKeys(path, sealing);
    if (typeof read !== "string") {
      this.#refusedAs = null;
      return read;
    }
    if (this.#refusedAs !== read) {
      this.#options.log.error({ path }, `secret keys: ${read}; those from before stay`);
    }
    this.#refusedAs = read;
    return null;
  }
}

/** Or why they are not taken. What the present first key has sealed must not be shut away by a slip. */
function readKeys(path: string, sealing: Buffer): readonly Buffer[] | string {
  try {
    const keys = secretKeysFrom(readFileSync(path, "utf8"));
    if (keys === null) return "the file does not hold 32 bytes in base64";
    if (keys.some((key) => key.equals(sealing))) return keys;
    return "the key that seals now is not in the file: put another one before it first";
  } catch (error) {
    return `the file cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`;
  }
}
