/** So many pings may be without an answer (125 bytes each at most); older ones are forgotten, and their late answers passed on. */
const PINGS_MAX = 256;

/**
 * A client's pings that were passed on to its upstream. The runtime answers each of them by itself, so the upstream's answers
 * must not reach the client: it would hear of each ping twice.
 */
export class ForwardedPings {
  #waiting: string[] = [];

  sent(data: Buffer): void {
    this.#waiting.push(data.toString("latin1"));
    if (this.#waiting.length > PINGS_MAX) {
      this.#waiting.shift();
    }
  }

  /** Whether this pong answers one of them. Who answers the latest need not answer those before (RFC 6455 §5.5.3). */
  answered(data: Buffer): boolean {
    const place = this.#waiting.indexOf(data.toString("latin1"));
    if (place === -1) {
      return false;
    }
    this.#waiting = this.#waiting.slice(place + 1);
    return true;
  }
}
