// Turns of the event loop among those that send as fast as they are read: upstreams, and clients with their requests' bodies.
import { reportEscaped } from "./escaped-errors.ts";

/** Something that stopped reading until its next turn. */
export interface Yielding {
  resumeReading(): void;
}

/**
 * The runtime reads a socket again and again as long as each read fills its buffer of 512 KiB, and nothing else has its turn
 * meanwhile (seen in Bun 1.4.5). A read of so many bytes ends the socket's turn: it is paused until the next. Shorter responses
 * are read in one go.
 */
export const bytesEndingTurn = 65_536;

/**
 * Bytes that those who waited may read in one turn, if each reads as much as before. Without it a hundred connections of one client
 * to a program that sends without end are 50 MB a turn, and others wait for a second.
 */
const BYTES_PER_TURN = 2 * 1024 * 1024;

interface Waiting {
  readonly yielding: Yielding;
  readonly bytes: number;
}

/** Lets sockets read on in a coming turn, one of an upstream after one of the other. Bodies of clients' requests are their upstream's. */
export class ReadTurns {
  /** By upstream; the one whose turn is next comes first. */
  readonly #lines = new Map<string, Waiting[]>();
  #isScheduled = false;

  /** Calls `resumeReading` in a coming turn. `bytes`: what it has just read. */
  wait(yielding: Yielding, upstream: string, bytes: number): void {
    const waiting = { yielding, bytes };
    const line = this.#lines.get(upstream);
    if (line === undefined) this.#lines.set(upstream, [waiting]);
    else line.push(waiting);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#lines.size === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#turn();
      this.#schedule();
    });
  }

  #turn(): void {
    let bytes = 0;
    for (const [upstream, line] of this.#lines) {
      this.#lines.delete(upstream);
      const waiting = line.shift();
      // Set again, it is the last: the loop comes back to it behind all others.
      if (line.length > 0) this.#lines.set(upstream, line);
      try {
        waiting?.yielding.resumeReading();
      } catch (error) {
        reportEscaped(error);
      }
      bytes += waiting?.bytes ?? 0;
      if (bytes >= BYTES_PER_TURN) return;
    }
  }
}

/** The process has one event loop, which everything in it shares. */
export const eventLoopReads = new ReadTurns();
