import { finish, type Steps } from "../../policy/steps.ts";
import { PersistentMap, type PersistentMapEdit, type ShardOf } from "./persistent-map.ts";
import { ShardedMap } from "./sharded-map.ts";

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

  has(key: string): boolean {
    return this.#entries.get(key) !== undefined;
  }

  edit(): InternEdit<V> {
    return new InternEdit(
      this.#entries.edit(),
      this.size,
      (entries, size) => new InternTable(entries, size),
    );
  }
}

/** Collects holders that come and go; a value without holders is kept until the edit is done, so that its key finds it again. */
export class InternEdit<V> {
  readonly #entries: PersistentMapEdit<Entry<V>>;
  readonly #make: (entries: PersistentMap<Entry<V>>, size: number) => InternTable<V>;
  readonly #withoutHolders = new ShardedMap<true>();
  #size: number;

  constructor(
    entries: PersistentMapEdit<Entry<V>>,
    size: number,
    make: (entries: PersistentMap<Entry<V>>, size: number) => InternTable<V>,
  ) {
    this.#entries = entries;
    this.#size = size;
    this.#make = make;
  }

  has(key: string): boolean {
    return this.#entries.get(key) !== undefined;
  }

  acquire(key: string, make: () => V): Interned<V> {
    const entry = this.#entries.get(key) ?? { held: { key, value: make() }, holders: 0 };
    if (entry.holders === 0) {
      this.#withoutHolders.delete(key);
      this.#size++;
    }
    this.#entries.set(key, { held: entry.held, holders: entry.holders + 1 });
    return entry.held;
  }

  /** Ignores what the table does not hold. */
  release(held: Interned<V>): void {
    const entry = this.#entries.get(held.key);
    if (entry?.held !== held || entry.holders === 0) return;
    this.#entries.set(held.key, { held, holders: entry.holders - 1 });
    if (entry.holders === 1) {
      this.#withoutHolders.set(held.key, true);
      this.#size--;
    }
  }

  done(): InternTable<V> {
    return finish(this.doneSteps());
  }

  /** `done` in steps: as many values may be let go as there were. */
  *doneSteps(): Steps<InternTable<V>> {
    for (const [key] of this.#withoutHolders) {
      this.#entries.delete(key);
      yield 1;
    }
    return this.#make(this.#entries.done(), this.#size);
  }
}
