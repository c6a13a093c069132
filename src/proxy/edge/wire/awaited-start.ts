// A connection on which no request can be read yet: a load balancer has to say for whom it speaks, or TLS has to be agreed on.
import type { Evictable } from "./connections-by-network.ts";
import type { ProxyHeader } from "./proxy-header.ts";

export class AwaitedStart implements Evictable {
  /** What the load balancer says; null: TLS is agreed on. */
  readonly header: ProxyHeader | null;
  /** Address of the load balancer, or of the client. */
  readonly peer: string;
  /** Of `performance.now()`: when it has to be over. */
  deadlineMs: number;
  /** It has a place among the connections, and makes no use of it. */
  readonly isIdle = true;
  readonly #refuse: () => void;

  /** `refuse` closes the connection without a response. */
  constructor(header: ProxyHeader | null, peer: string, deadlineMs: number, refuse: () => void) {
    this.header = header;
    this.peer = peer;
    this.deadlineMs = deadlineMs;
    this.#refuse = refuse;
  }

  close(): void {
    this.#refuse();
  }
}
