// Connections that are being made. One that is given up meanwhile goes on: the system tries for minutes, with a descriptor, and
// nothing can stop it (`Bun.connect` of Bun 1.4.5; sockets of node:net and of fetch are closed at once). A program whose queue is
// full can cause any number of them, on any number of its ports.

export interface ConnectAttempt {
  /** Nobody waits for it any more. */
  drop(): void;
  /** It is connected, or refused: the system is done with it. Either may be called again, and in any order. */
  settled(): void;
}

interface Counts {
  /** Under way and dropped. */
  all: number;
  dropped: number;
}

export class ConnectAttempts {
  readonly #perAddressMax: number;
  readonly #max: number;
  readonly #byAddress = new Map<string, Counts>();
  #dropped = 0;

  /**
   * `perAddressMax`: of an address, all ports together, once one of them was dropped; those that are answered are not limited.
   * `max`: dropped in all; beyond it an address may have one attempt.
   */
  constructor({ perAddressMax = 64, max = 1_024 } = {}) {
    this.#perAddressMax = perAddressMax;
    this.#max = max;
  }

  /** Attempts that were dropped and still have their descriptors. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Counts an attempt. Null: too many are under way. An address that has none is never refused for what others have. */
  begin(address: string): ConnectAttempt | null {
    const counts = this.#byAddress.get(address) ?? { all: 0, dropped: 0 };
    const isFull = counts.dropped > 0 && counts.all >= this.#perAddressMax;
    if (isFull || (counts.all > 0 && this.#dropped >= this.#max)) return null;
    this.#byAddress.set(address, counts);
    counts.all++;
    let isDropped = false;
    let isSettled = false;
    const count = (more: 1 | -1) => {
      counts.dropped += more;
      this.#dropped += more;
    };
    return {
      drop: () => {
        if (isDropped || isSettled) return;
        isDropped = true;
        count(1);
      },
      settled: () => {
        if (isSettled) return;
        isSettled = true;
        if (isDropped) count(-1);
        if (--counts.all === 0) this.#byAddress.delete(address);
      },
    };
  }
}
