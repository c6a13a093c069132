// A connection of a load balancer that has not said yet for whom it speaks.
import { ProxyHeader } from "./proxy-header.ts";

export class AwaitedHeader {
  readonly header = new ProxyHeader();
  /** The load balancer. */
  readonly peer: string;
  /** Of `performance.now()`: when the header has to have come. */
  readonly deadlineMs: number;
  readonly #terminate: () => void;
  #releasePlace: (() => void) | null;

  /** `releasePlace` gives the place back that it has among the connections. */
  constructor(peer: string, deadlineMs: number, releasePlace: () => void, terminate: () => void) {
    this.peer = peer;
    this.deadlineMs = deadlineMs;
    this.#releasePlace = releasePlace;
    this.#terminate = terminate;
  }

  release(): void {
    this.#releasePlace?.();
    this.#releasePlace = null;
  }

  /** Closes the connection without a response. May be called again. */
  refuse(): void {
    if (this.#releasePlace === null) return;
    this.release();
    this.#terminate();
  }
}
