const SHARDS = 4096;
const DIGITS = 3;

type Shard<V> = ReadonlyMap<string, V>;

/** Spreads keys over the shards: 0..4095. */
export type ShardOf = (key: string) => number;

/**
 * An immutable map by text. A new version shares every shard that did not change, so one change among a million entries
 * copies 4,096 references and one shard of some 250 entries.
 */
export class PersistentMap<V> {
  static empty<V>(shardOf: ShardOf = hexShard): PersistentMap<V> {
    return new PersistentMap<V>(new Array<Shard<V> | undefined>(SHARDS).fill(undefined), shardOf);
  }

  readonly #shards: readonly (Shard<V> | undefined)[];
  readonly #shardOf: ShardOf;

  private constructor(shards: readonly (Shard<V> | undefined)[], shardOf: ShardOf) {
    this.#shards = shards;
    this.#shardOf = shardOf;
  }

  get(key: string): V | undefined {
    return this.#shards[this.#shardOf(key)]?.get(key);
  }

  *keys(): Generator<string> {
    for (const shard of this.#shards) {
      if (shard !== undefined) {
        yield* shard.keys();
      }
    }
  }

  /** The next version with these entries set, or removed where the value is undefined. */
  with(entries: ReadonlyMap<string, V | undefined>): PersistentMap<V> {
    if (entries.size === 0) {
      return this;
    }
    const shards = this.#shards.slice();
    const copies = new Map<number, Map<string, V>>();
    for (const [key, value] of entries) {
      const index = this.#shardOf(key);
      let copy = copies.get(index);
      if (copy === undefined) {
        copy = new Map(shards[index]);
        copies.set(index, copy);
        shards[index] = copy;
      }
      if (value === undefined) {
        copy.delete(key);
      } else {
        copy.set(key, value);
      }
    }
    return new PersistentMap(shards, this.#shardOf);
  }
}

/** For hex ids that the control plane makes: the last digits are spread evenly in random ids and in counted ones. */
export function hexShard(id: string): number {
  let shard = 0;
  for (let i = Math.max(0, id.length - DIGITS); i < id.length; i++) {
    const code = id.charCodeAt(i);
    shard = (shard << 4) | ((code <= 57 ? code : code + 9) & 15);
  }
  return shard;
}

/** For keys that tenants control: without the seed they cannot be chosen to crowd one shard. `seed`: 32 random bits. */
export function seededShard(seed: number): ShardOf {
  return (key) => Number(BigInt(Bun.hash(key, seed)) & BigInt(SHARDS - 1));
}
