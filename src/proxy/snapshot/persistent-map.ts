const SHARDS = 4096;
const DIGITS = 3;

type Shard<V> = ReadonlyMap<string, V>;

/**
 * An immutable map by hex id. A new version shares every shard that did not change, so one change among a million entries
 * copies 4,096 references and one shard of some 250 entries.
 */
export class ShardedMap<V> {
  static empty<V>(): ShardedMap<V> {
    return new ShardedMap<V>(new Array<Shard<V> | undefined>(SHARDS).fill(undefined));
  }

  readonly #shards: readonly (Shard<V> | undefined)[];

  private constructor(shards: readonly (Shard<V> | undefined)[]) {
    this.#shards = shards;
  }

  get(id: string): V | undefined {
    return this.#shards[shardOf(id)]?.get(id);
  }

  *keys(): Generator<string> {
    for (const shard of this.#shards) {
      if (shard !== undefined) {
        yield* shard.keys();
      }
    }
  }

  /** The next version with these entries set, or removed where the value is undefined. */
  with(entries: ReadonlyMap<string, V | undefined>): ShardedMap<V> {
    if (entries.size === 0) {
      return this;
    }
    const shards = this.#shards.slice();
    const copies = new Map<number, Map<string, V>>();
    for (const [id, value] of entries) {
      const index = shardOf(id);
      let copy = copies.get(index);
      if (copy === undefined) {
        copy = new Map(shards[index]);
        copies.set(index, copy);
        shards[index] = copy;
      }
      if (value === undefined) {
        copy.delete(id);
      } else {
        copy.set(id, value);
      }
    }
    return new ShardedMap(shards);
  }
}

/** By the last digits: they are spread evenly both in random ids and in counted ones. */
function shardOf(id: string): number {
  let shard = 0;
  for (let i = Math.max(0, id.length - DIGITS); i < id.length; i++) {
    const code = id.charCodeAt(i);
    shard = (shard << 4) | ((code <= 57 ? code : code + 9) & 15);
  }
  return shard;
}
