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

  *entries(): Generator<[string, V]> {
    for (const shard of this.#shards) {
      if (shard !== undefined) {
        yield* shard.entries();
      }
    }
  }

  /** Begins the next version. */
  edit(): PersistentMapEdit<V> {
    return new PersistentMapEdit(this.#shards, this.#shardOf, (shards) =>
      shards === this.#shards ? this : new PersistentMap(shards, this.#shardOf),
    );
  }

  /** An empty map that spreads keys as this one does. */
  emptied(): PersistentMap<V> {
    return PersistentMap.empty(this.#shardOf);
  }
}

/** Changes to a map, which stays as it is. No step's cost grows with the number of changes. */
export class PersistentMapEdit<V> {
  readonly #before: readonly (Shard<V> | undefined)[];
  readonly #shardOf: ShardOf;
  readonly #make: (shards: readonly (Shard<V> | undefined)[]) => PersistentMap<V>;
  #shards: (Shard<V> | undefined)[] | null = null;
  readonly #copies: (Map<string, V> | undefined)[] = [];

  constructor(
    before: readonly (Shard<V> | undefined)[],
    shardOf: ShardOf,
    make: (shards: readonly (Shard<V> | undefined)[]) => PersistentMap<V>,
  ) {
    this.#before = before;
    this.#shardOf = shardOf;
    this.#make = make;
  }

  get(key: string): V | undefined {
    return (this.#shards ?? this.#before)[this.#shardOf(key)]?.get(key);
  }

  set(key: string, value: V): void {
    this.#copyOf(key).set(key, value);
  }

  delete(key: string): void {
    if (this.get(key) !== undefined) this.#copyOf(key).delete(key);
  }

  /** The next version; the edit is over. */
  done(): PersistentMap<V> {
    return this.#make(this.#shards ?? this.#before);
  }

  #copyOf(key: string): Map<string, V> {
    this.#shards ??= this.#before.slice();
    const index = this.#shardOf(key);
    let copy = this.#copies[index];
    if (copy === undefined) {
      copy = new Map(this.#before[index]);
      this.#copies[index] = copy;
      this.#shards[index] = copy;
    }
    return copy;
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
