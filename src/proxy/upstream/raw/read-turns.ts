// Turns of the event loop among upstreams that send as fast as they are read.

/** Something that stopped reading until the next turn. */
export interface Yielding {
  resumeReading(): void;
}

/**
 * The runtime reads a socket again and again as long as each read fills its buffer of 512 KiB, and nothing else has its turn
 * meanwhile (seen in Bun 1.4.5). A read of so many bytes ends the socket's turn: it is paused until the next.
 */
export const bytesEndingTurn = 262_144;

/** Lets sockets read on in the next turn, with one callback for all of them. */
export class ReadTurns {
  #waiting: Yielding[] = [];

  /** Calls `resumeReading` in the next turn. */
  wait(yielding: Yielding): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#turn());
    this.#waiting.push(yielding);
  }

  #turn(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const yielding of waiting) yielding.resumeReading();
  }
}
