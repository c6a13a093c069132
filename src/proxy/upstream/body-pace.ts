/** Over how much time the pace of a body is looked at, in milliseconds; only time in which the client is waited for counts. */
export const paceWindowMs = 60_000;

/**
 * The pace of a request's body: at least so many bytes in each window. The time in which the upstream does not read, so that the
 * client may not send, does not count.
 */
export class BodyPace {
  readonly #bytesMin: number;
  #waitedMs = 0;
  #bytes = 0;

  constructor(bytesMin: number) {
    this.#bytesMin = bytesMin;
  }

  /** Notes bytes and how long the client took for them. False: it is too slow. */
  keeps(bytes: number, waitedMs: number): boolean {
    this.#bytes += bytes;
    this.#waitedMs += waitedMs;
    if (this.#waitedMs < paceWindowMs) return true;
    const isFast = this.#bytes >= this.#bytesMin;
    this.#waitedMs = 0;
    this.#bytes = 0;
    return isFast;
  }
}
