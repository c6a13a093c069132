// Wrong credentials that were let through here, on their way to the other gate processes: a few times a second, all at once.

/** What several processes let through at the same time is within this of each other, in milliseconds. */
const GATHER_MS = 20;

export class GatheredFailures {
  readonly #send: (pairs: readonly string[]) => void;
  #pairs: string[] = [];

  /** `send`: called with `container network` of each. */
  constructor(send: (pairs: readonly string[]) => void) {
    this.#send = send;
  }

  add(pair: string): void {
    if (this.#pairs.push(pair) > 1) return;
    setTimeout(() => {
      const pairs = this.#pairs;
      this.#pairs = [];
      this.#send(pairs);
    }, GATHER_MS);
  }
}
