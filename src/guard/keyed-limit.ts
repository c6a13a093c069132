/** A few at a time of each key; one too many is refused. Memory: one entry for each key that has some. */
export class KeyedLimit {
  readonly #perKey: number;
  readonly #taken = new Map<string, number>();

  constructor(perKey: number) {
    this.#perKey = perKey;
  }

  /** False: the key has all of its own. Whoever entered leaves once. */
  enter(key: string): boolean {
    const taken = this.#taken.get(key) ?? 0;
    if (taken >= this.#perKey) return false;
    this.#taken.set(key, taken + 1);
    return true;
  }

  leave(key: string): void {
    const left = (this.#taken.get(key) ?? 1) - 1;
    if (left > 0) this.#taken.set(key, left);
    else this.#taken.delete(key);
  }
}
