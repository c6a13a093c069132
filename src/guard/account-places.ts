// Places that accounts share: nobody gets them all, and nobody loses one that it has.

/**
 * An account may have as many places as are still free, and no more than its own maximum: each leaves to those that come later half of
 * what it found (dynamic thresholds, as `FairShares`). Memory: one entry for each account that has a place.
 */
export class AccountPlaces {
  readonly #max: number;
  readonly #perAccount: number;
  readonly #taken = new Map<string, number>();
  #size = 0;

  constructor(max: number, perAccount: number) {
    this.#max = max;
    this.#perAccount = perAccount;
  }

  /** Places in use. */
  get size(): number {
    return this.#size;
  }

  /** False: there is none for this account. Who has entered leaves once. */
  enter(account: string): boolean {
    const taken = this.#taken.get(account) ?? 0;
    if (taken >= this.#perAccount || taken >= this.#max - this.#size) return false;
    this.#taken.set(account, taken + 1);
    this.#size++;
    return true;
  }

  leave(account: string): void {
    const left = (this.#taken.get(account) ?? 1) - 1;
    if (left > 0) this.#taken.set(account, left);
    else this.#taken.delete(account);
    this.#size--;
  }
}
