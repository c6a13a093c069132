// A new secret key while the gate serves: every value of the database and the snapshot come under it, then the old key goes.
import type { KeyRing } from "../admin/store/key-ring.ts";
import { RESEAL_START, type ResealCursor } from "../admin/store/sqlite/reseal.ts";
import type { SqliteStore } from "../admin/store/sqlite/sqlite-store.ts";
import { secretKeysIn } from "../config/secret-key.ts";
import type { Log } from "../log.ts";
import { hasKey, writeSecretKeyFile } from "./secret-key-file.ts";

const RETRY_MS = 1_000;

export interface KeyRotationOptions {
  readonly ring: KeyRing;
  /** The file in the data directory, from which the old key is taken; null: the keys are somebody else's to take away. */
  readonly ownFile: string | null;
  /** Null: rotate-key seals the values of the database anew, and the snapshot alone is ours. */
  readonly reseal: SqliteStore["reseal"] | null;
  /** Saves the snapshot under the first key; resolves to whether it lies so. */
  readonly resealSnapshot: () => Promise<boolean>;
  readonly log: Log;
}

interface Walked {
  /** Values that had another key. */
  readonly count: number;
  readonly unreadable: number;
}

/** What is written meanwhile is sealed with the first key already, so one walk finds all that is not. */
export class KeyRotation {
  readonly #options: KeyRotationOptions;
  #running: Promise<void> | null = null;
  #stopped = false;
  #wake: (() => void) | null = null;

  constructor(options: KeyRotationOptions) {
    this.#options = options;
  }

  /** There may be other keys than before. */
  changed(): void {
    if (this.#stopped || this.#options.ring.masters.length < 2) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
  }

  /** Whether something may still need one of the keys. */
  get isRunning(): boolean {
    return this.#running !== null;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#running;
  }

  /** Goes on until one key is left. Never rejects. */
  async #run(): Promise<void> {
    const { ring, log } = this.#options;
    let isFirst = true;
    while (!this.#stopped && ring.masters.length > 1) {
      if (!isFirst) await this.#pause();
      isFirst = false;
      try {
        if (await this.#round()) return;
      } catch (error) {
        log.error(
          { err: error },
          "values could not be sealed with the new secret key; trying again",
        );
      }
    }
  }

  /** Whether there is nothing left to do. */
  async #round(): Promise<boolean> {
    const { ring, ownFile, reseal, resealSnapshot, log } = this.#options;
    const { masters } = ring;
    const { count, unreadable } = await this.#walk(reseal);
    if (this.#stopped || ring.masters !== masters) return false;
    if (!(await resealSnapshot()) || ring.masters !== masters) return false;
    if (reseal === null) {
      log.info({}, "the saved snapshot is sealed with the first secret key");
      return true;
    }
    if (unreadable > 0) log.error({ unreadable }, "values open with none of the secret keys");
    if (ownFile === null) {
      log.info({ count }, "every value is sealed with the first secret key: the others may go");
      return true;
    }
    // Another rotation may have begun. An earlier gate may have ended this one, and taken the old key away.
    const [first, ...others] = secretKeysIn(ownFile) ?? [];
    if (first?.equals(ring.first) !== true || others.some((key) => !hasKey(masters, key)))
      return false;
    if (others.length > 0) writeSecretKeyFile(ownFile, [ring.first]);
    ring.replace([ring.first]);
    log.info({ count }, "every value is sealed with the new secret key; the old one is gone");
    return true;
  }

  async #walk(reseal: KeyRotationOptions["reseal"]): Promise<Walked> {
    let count = 0;
    let unreadable = 0;
    if (reseal === null) return { count, unreadable };
    for (let cursor: ResealCursor | null = RESEAL_START; cursor !== null && !this.#stopped; ) {
      const slice = await reseal(cursor);
      count += slice.count;
      unreadable += slice.unreadable.length;
      cursor = slice.next;
      // Other calls and requests take their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { count, unreadable };
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }
}
