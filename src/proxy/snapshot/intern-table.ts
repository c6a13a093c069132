/** One value for everybody who asks with the same key, for as long as somebody holds it. */
export interface Interned<V> {
  readonly key: string;
  readonly value: V;
}

interface Counted<V> extends Interned<V> {
  holders: number;
}

/** Values made once a key and counted; the last release forgets the value. */
export class InternTable<V> {
  readonly #entries = new Map<string, Counted<V>>();

  /** How many different values are held. */
  get size(): number {
    return this.#entries.size;
  }

  acquire(key: string, make: () => V): Interned<V> {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { key, value: make(), holders: 0 };
      this.#entries.set(key, entry);
    }
    entry.holders++;
    return entry;
  }

  release(held: Interned<V>): void {
    const entry = this.#entries.get(held.key);
    if (entry === undefined || entry !== held) {
      return;
    }
    entry.holders--;
    if (entry.holders === 0) {
      this.#entries.delete(entry.key);
    }
  }
}
