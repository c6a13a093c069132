import { PersistentMap, type ShardOf } from "./persistent-map.ts";

/** One value that all holders of the same key share. */
export interface Interned<V> {
  readonly key: string;
  readonly value: V;
}

interface Entry<V> {
  readonly held: Interned<V>;
  readonly holders: number;
}

/** Values by key, with the number of their holders. Immutable: an edit makes the next version. */
export class InternTable<V> {
  static empty<V>(shardOf?: ShardOf): InternTable<V> {
    return new InternTable<V>(PersistentMap.empty(shardOf), 0);
  }

  /** How many different values are held. */
  readonly size: number;
  readonly #entries: PersistentMap<Entry<V>>;

  private constructor(entries: PersistentMap<Entry<V>>, size: number) {
    this.#entries = entries;
    this.size = size;
  }

  edit(): InternEdit<V> {
    return new InternEdit(
      (key) => this.#entries.get(key),
      (changed) => this.#with(changed),
    );
  }

  #with(changed: ReadonlyMap<string, Entry<V>>): InternTable<V> {
    let { size } = this;
    const entries = new Map<string, Entry<V> | undefined>();
    for (const [key, entry] of changed) {
      const was = this.#entries.get(key) !== undefined;
      const is = entry.holders > 0;
      size += Number(is) - Number(was);
      if (is || was) {
        entries.set(key, is ? entry : undefined);
      }
    }
    return new InternTable(this.#entries.with(entries), size);
  }
}

/** Collects holders that come and go; a value without holders is kept until the edit is done, so that its key finds it again. */
export class InternEdit<V> {
  readonly #before: (key: string) => Entry<V> | undefined;
  readonly #make: (changed: ReadonlyMap<string, Entry<V>>) => InternTable<V>;
  readonly #changed = new Map<string, Entry<V>>();

  constructor(
    before: (key: string) => Entry<V> | undefined,
    make: (changed: ReadonlyMap<string, Entry<V>>) => InternTable<V>,
  ) {
    this.#before = before;
    this.#make = make;
  }

  has(key: string): boolean {
    return this.#entry(key) !== undefined;
  }

  acquire(key: string, make: () => V): Interned<V> {
    const entry = this.#entry(key) ?? { held: { key, value: make() }, holders: 0 };
    this.#changed.set(key, { held: entry.held, holders: entry.holders + 1 });
    return entry.held;
  }

  /** Ignores what the table does not hold. */
  release(held: Interned<V>): void {
    const entry = this.#entry(held.key);
    if (entry?.held === held && entry.holders > 0) {
      this.#changed.set(held.key, { held, holders: entry.holders - 1 });
    }
  }

  done(): InternTable<V> {
    return this.#make(this.#changed);
  }

  #entry(key: string): Entry<V> | undefined {
    return this.#changed.get(key) ?? this.#before(key);
  }
}
