// A connection on which no request can be read yet: a load balancer has to say for whom it speaks, or TLS has to be agreed on.
import type { ProxyHeader } from "./proxy-header.ts";

export class AwaitedStart {
  /** What the load balancer says; null: TLS is agreed on. */
  readonly header: ProxyHeader | null;
  /** Address of the load balancer, or of the client. */
  readonly peer: string;
  /** Of `performance.now()`: when it has to be over. */
  deadlineMs: number;
  readonly #terminate: () => void;
  #releasePlace: (() => void) | null;

  /** `releasePlace` gives the place back that it has among the connections. */
  constructor(
    header: ProxyHeader | null,
    peer: string,
    deadlineMs: number,
    releasePlace: () => void,
    terminate: () => void,
  ) {
    this.header = header;
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
