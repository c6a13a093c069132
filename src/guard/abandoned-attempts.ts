// Connections that are given up while they are being made: the system goes on with them for minutes, each with a descriptor, and
// nothing can stop it. A program whose queue is full can cause any number of them, on any number of its ports.

export class AbandonedAttempts {
  readonly #perAddressMax: number;
  readonly #max: number;
  readonly #byAddress = new Map<string, number>();
  #count = 0;

  /** `perAddressMax`: of all ports of an address together. `max`: in all; beyond it an address may have one. */
  constructor({ perAddressMax = 64, max = 1_024 } = {}) {
    this.#perAddressMax = perAddressMax;
    this.#max = max;
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Whether one more attempt may be made. An address that has none is never refused for what others have. */
  hasRoom(address: string): boolean {
    const present = this.#byAddress.get(address);
    if (present === undefined) return true;
    return this.#count < this.#max && present < this.#perAddressMax;
  }

  add(address: string): void {
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
    this.#count++;
  }

  /** The system is done with it. */
  remove(address: string): void {
    const left = (this.#byAddress.get(address) ?? 0) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
    this.#count--;
  }
}
