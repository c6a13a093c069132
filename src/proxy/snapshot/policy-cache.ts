// Which compiled policies are kept: as many as a bound in bytes allows, and of no project at the cost of those that keep fewer.
import type { LazyPolicy } from "./lazy-policy.ts";

export interface PolicyCacheOptions {
  /** Bytes, estimated; 128 MiB unless set. */
  readonly bytesMax?: number;
}

const BYTES_MAX = 128 * 1024 * 1024;
/** A compiled policy beside a character of its text, estimated. */
const BYTES_PER_CHARACTER = 4;
const BYTES_LEAST = 2_048;

interface Entry {
  /** A document that no snapshot names is not kept alive. */
  readonly policy: WeakRef<LazyPolicy>;
  readonly bytes: number;
}

/** The entry that was looked at longest ago comes first. */
interface Share {
  bytes: number;
  readonly entries: Set<Entry>;
}

export class PolicyCache {
  readonly #bytesMax: number;
  readonly #shares = new Map<string, Share>();
  #bytes = 0;

  constructor({ bytesMax = BYTES_MAX }: PolicyCacheOptions = {}) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of what is kept, estimated. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The policy was compiled for this project. Others may be let go: they are compiled again when they are needed. */
  compiled(policy: LazyPolicy, project: string): void {
    const entry = {
      policy: new WeakRef(policy),
      bytes: BYTES_LEAST + BYTES_PER_CHARACTER * policy.characters,
    };
    const share = this.#shares.get(project) ?? { bytes: 0, entries: new Set() };
    this.#shares.set(project, share);
    share.entries.add(entry);
    this.#add(share, entry.bytes);
    while (this.#bytes > this.#bytesMax) {
      if (!this.#letGo(entry)) return;
    }
  }

  /** One policy of the project that has most. False: there is none but `newest`. */
  #letGo(newest: Entry): boolean {
    const [project, share] = this.#largest();
    for (const entry of share.entries) {
      if (entry === newest && share.entries.size > 1) continue;
      if (entry === newest) return false;
      share.entries.delete(entry);
      const policy = entry.policy.deref();
      // What was used since gets another turn.
      if (policy?.takeUse()) {
        share.entries.add(entry);
        continue;
      }
      policy?.forget();
      this.#add(share, -entry.bytes);
      if (share.entries.size === 0) this.#shares.delete(project);
      return true;
    }
    return true;
  }

  #largest(): [string, Share] {
    let largest: [string, Share] = ["", { bytes: -1, entries: new Set() }];
    for (const each of this.#shares) if (each[1].bytes > largest[1].bytes) largest = each;
    return largest;
  }

  #add(share: Share, bytes: number): void {
    share.bytes += bytes;
    this.#bytes += bytes;
  }
}
