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

/** Fewer bytes at once are not counted: they are a request without a long body. */
export const countedBytesMin = 2_048;

/**
 * Bytes that those who waited may read in one turn, as far as it can be told. Without it a hundred connections of one client
 * to a program that sends without end are 50 MB a turn, and others wait for a second.
 */
const BYTES_PER_TURN = 2 * 1024 * 1024;

/** What a millisecond counts for, where bytes take longer than others: a turn is some 10 ms. */
const BYTES_PER_MS = BYTES_PER_TURN / 10;

/** Whoever reads on counts for so many at least: more may have come meanwhile than it read before. */
const READ_ON_BYTES_MIN = 256 * 1024;

/**
 * Bytes of one line that are dealt with in one turn, but for the first that exceeds it. Without it hundreds of connections that have
 * a little less than `bytesEndingTurn` each are dealt with at once, which for chunks or frames of a byte takes 10 ns a byte.
 */
const BYTES_PER_LINE = 512 * 1024;

/** The line of a client network. A container may be a client, too: what it sends as such is apart. */
export function lineOfClients(network: string): string {
  return `client ${network}`;
}

interface Waiting {
  readonly yielding: Yielding;
  readonly bytes: number;
  /** They have come, and are dealt with only then; otherwise as many more may come. */
  readonly isPending: boolean;
}

/**
 * Lets sockets read on in a coming turn, one of a line after one of the other. A line is an upstream's address, with the bodies that
 * are sent to it, or a client network.
 */
export class ReadTurns {
  /** The one whose turn is next comes first. */
  readonly #lines = new Map<string, Waiting[]>();
  /** By line: bytes that were dealt with in this turn. */
  readonly #used = new Map<string, number>();
  #isScheduled = false;

  /** Whether so many bytes, which have come, may be dealt with in this turn. Otherwise they, or what comes next, have to wait. */
  mayTake(line: string, bytes: number): boolean {
    const used = this.#used.get(line) ?? 0;
    this.#used.set(line, used + bytes);
    this.#schedule();
    return used < BYTES_PER_LINE;
  }

  /**
   * Whether a read of so many bytes ends the socket's turn. `isCostly`: they may take a hundred times what others do, as chunks and
   * frames of a byte do, so that all of a line share what they may be in a turn.
   */
  endsTurn(line: string, bytes: number, isCostly: boolean): boolean {
    if (bytes >= bytesEndingTurn) return true;
    return isCostly && bytes >= countedBytesMin && !this.mayTake(line, bytes);
  }

  /** See `wait`. `tookMs`: what its last costly read took, in milliseconds. */
  yield(yielding: Yielding, line: string, bytes: number, tookMs = 0): void {
    this.wait(yielding, line, Math.max(bytes, tookMs * BYTES_PER_MS));
  }

  /** Calls `resumeReading` in a coming turn. `bytes`: what it has just read. `isPending`: `mayTake` said no of them. */
  wait(yielding: Yielding, line: string, bytes: number, isPending = false): void {
    const waiting = { yielding, bytes, isPending };
    const others = this.#lines.get(line);
    if (others === undefined) this.#lines.set(line, [waiting]);
    else others.push(waiting);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || (this.#lines.size === 0 && this.#used.size === 0)) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#turn();
      this.#schedule();
    });
  }

  #turn(): void {
    this.#used.clear();
    const spent = new Map<string, Waiting[]>();
    let bytes = 0;
    for (const [line, others] of this.#lines) {
      if (bytes >= BYTES_PER_TURN) break;
      this.#lines.delete(line);
      const waiting = others.shift();
      if (waiting?.isPending === true) {
        const used = this.#used.get(line) ?? 0;
        if (used >= BYTES_PER_LINE) {
          spent.set(line, [waiting, ...others]);
          continue;
        }
        this.#used.set(line, used + waiting.bytes);
      }
      // Set again, it is the last: the loop comes back to it behind all others.
      if (others.length > 0) this.#lines.set(line, others);
      try {
        waiting?.yielding.resumeReading();
      } catch (error) {
        reportEscaped(error);
      }
      bytes += costOf(waiting);
    }
    for (const [line, others] of spent) {
      // Some may have begun to wait meanwhile.
      this.#lines.set(line, [...others, ...(this.#lines.get(line) ?? [])]);
    }
  }
}

function costOf(waiting: Waiting | undefined): number {
  if (waiting === undefined) return 0;
  return waiting.isPending ? waiting.bytes : Math.max(waiting.bytes, READ_ON_BYTES_MIN);
}

/** The process has one event loop, which everything in it shares. */
export const eventLoopReads = new ReadTurns();
