// The certificate's files may change while we run: watched, read, and handed over when they hold a pair that is good.
import { type FSWatcher, watch } from "node:fs";
import { dirname } from "node:path";
import type { Log } from "../../../log.ts";
import { type KeyPair, type KeyPairPaths, readKeyPair } from "./key-pair.ts";

/** Certificate and key are written one after the other. */
const SETTLE_MS = 500;
/** Where nothing tells of changes (some network file systems). */
const POLL_MS = 60_000;
/** How long connections with the old certificate have to send a request, whose response ends them; then idle ones are closed. */
const HANDOVER_MS = 5_000;

/** A listener whose certificate can be replaced: see `Listener`. */
export interface ReplaceableListener {
  readonly pair: KeyPair | null;
  replace(pair: KeyPair, left: () => Promise<void>): Promise<void>;
}

export interface TlsReloadOptions {
  readonly paths: KeyPairPaths;
  readonly listener: ReplaceableListener;
  readonly log: Log;
  /** What the certificate is for, as the log says it; `certificate` unless set. */
  readonly name?: string;
  /** Why a pair cannot be used here; null: it can. Unless set, it has to name a host. */
  readonly problemOf?: (pair: KeyPair) => string | null;
  /** Called with each new pair before it is used. */
  readonly accepted?: (pair: KeyPair) => void;
  /** 500 unless set. */
  readonly settleMs?: number;
  /** 60,000 unless set. */
  readonly pollMs?: number;
  /** 5,000 unless set. */
  readonly handoverMs?: number;
}

/** How often a change was taken over, and how often it was not. */
export interface TlsReloads {
  readonly done: number;
  readonly refused: number;
}

/**
 * Watches the folders, not the files: they are replaced by renaming, or the link that leads to them is. A pair that is not good
 * is refused loudly, once for each change, and the old one stays.
 */
export class TlsReload {
  readonly #options: TlsReloadOptions;
  readonly #watchers: FSWatcher[];
  readonly #poll: ReturnType<typeof setInterval>;
  #settling: ReturnType<typeof setTimeout> | null = null;
  #left: (() => void) | null = null;
  #running: Promise<void> = Promise.resolve();
  /** What was refused last, so that it is said once. */
  #refusedAs: string | null = null;
  #stopped = false;
  #done = 0;
  #refused = 0;

  constructor(options: TlsReloadOptions) {
    this.#options = options;
    const { certPath, keyPath } = options.paths;
    const folders = new Set([dirname(certPath), dirname(keyPath)]);
    this.#watchers = [...folders]
      .map((folder) => this.#watch(folder))
      .filter((each) => each !== null);
    this.#poll = setInterval(() => void this.check(), options.pollMs ?? POLL_MS);
    this.#poll.unref();
  }

  get #name(): string {
    return this.#options.name ?? "certificate";
  }

  /** Unix milliseconds at which the certificate in use expires; null: there is none. */
  get notAfterMs(): number | null {
    return this.#options.listener.pair?.notAfterMs ?? null;
  }

  get reloads(): TlsReloads {
    return { done: this.#done, refused: this.#refused };
  }

  /** Looks at the files now. Resolves when what they hold is listened with alone, or was refused. One at a time. */
  check(): Promise<void> {
    this.#running = this.#running.then(() => this.#check());
    return this.#running;
  }

  stop(): void {
    this.#stopped = true;
    for (const watcher of this.#watchers) {
      watcher.close();
    }
    clearInterval(this.#poll);
    if (this.#settling !== null) {
      clearTimeout(this.#settling);
    }
    this.#left?.();
  }

  #watch(folder: string): FSWatcher | null {
    const { log } = this.#options;
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#settle());
      watcher.on("error", (error) => log.warn({ folder, err: error }, "certificate: not watched"));
      return watcher;
    } catch (error) {
      log.warn(
        { folder, err: error },
        "certificate: its folder cannot be watched; it is looked at now and then",
      );
      return null;
    }
  }

  #settle(): void {
    if (this.#settling !== null) {
      clearTimeout(this.#settling);
    }
    this.#settling = setTimeout(() => void this.check(), this.#options.settleMs ?? SETTLE_MS);
  }

  /** Never rejects. */
  async #check(): Promise<void> {
    const { paths, listener, log } = this.#options;
    if (this.#stopped) {
      return;
    }
    const read = readKeyPair(paths);
    if (!read.ok) {
      return this.#refuse(
        read.problems.map(({ file, problem }) => `${file} ${problem}`).join("; "),
      );
    }
    const { pair } = read;
    const present = listener.pair;
    if (present !== null && pair.cert === present.cert && pair.key === present.key) {
      this.#refusedAs = null;
      return;
    }
    const nowMs = Date.now();
    if (pair.notAfterMs <= nowMs && present !== null && present.notAfterMs > nowMs) {
      return this.#refuse("cert is valid no more, and the present one is");
    }
    const problem = (this.#options.problemOf ?? namelessProblem)(pair);
    if (problem !== null) return this.#refuse(problem);
    try {
      const taken = listener.replace(pair, () => this.#handover());
      this.#done++;
      this.#refusedAs = null;
      this.#options.accepted?.(pair);
      log.info({ notAfter: new Date(pair.notAfterMs) }, `${this.#name}: the new one is in use`);
      await taken;
    } catch (error) {
      this.#refuse(`it cannot be listened with: ${error instanceof Error ? error.message : error}`);
    }
  }

  #handover(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#options.handoverMs ?? HANDOVER_MS);
    this.#left = () => {
      clearTimeout(timer);
      resolve();
    };
    return this.#stopped ? Promise.resolve() : promise;
  }

  #refuse(problem: string): void {
    if (problem !== this.#refusedAs) {
      this.#refusedAs = problem;
      this.#refused++;
      this.#options.log.error(
        { ...this.#options.paths, problem },
        `${this.#name}: the new one is refused, the old one stays`,
      );
    }
  }
}

function namelessProblem({ names }: KeyPair): string | null {
  return names.length === 0 ? "cert names no host" : null;
}
