import { hexShard } from "./persistent-map.ts";

/**
 * A map by hex ids or digests, however large: a Map of a million entries moves all of them in one step whenever it grows (335 ms were
 * measured), one of 4,096 small ones does not.
 */
export class ShardedMap<V> {
  readonly #shards = new Map<number, Map<string, V>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    return this.#shards.get(hexShard(key))?.get(key);
  }

  has(key: string): boolean {
    return this.#shards.get(hexShard(key))?.has(key) === true;
  }

  set(key: string, value: V): void {
    const index = hexShard(key);
    let shard = this.#shards.get(index);
    if (shard === undefined) {
      shard = new Map();
      this.#shards.set(index, shard);
    }
    this.#size -= shard.size;
    shard.set(key, value);
    this.#size += shard.size;
  }

  delete(key: string): void {
    if (this.#shards.get(hexShard(key))?.delete(key)) this.#size--;
  }

  /** In no order that means anything. An entry may be deleted meanwhile. */
  *[Symbol.iterator](): Generator<[string, V]> {
    for (const shard of this.#shards.values()) yield* shard;
  }
}
