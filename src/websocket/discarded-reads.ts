// What a peer still sends while its connection closes: read and thrown away, so that its own Close frame or end is seen.
import type { Socket } from "node:net";

/** A read of so many bytes ends the socket's turn: the runtime would read on at once. */
const BYTES_ENDING_TURN = 65_536;
/** Sockets that may read on in one turn of the event loop. */
const RESUMED_PER_TURN = 4;
/** A peer that sends more than this instead of its end is cut off. */
export const DISCARDED_BYTES_MAX = 16 * 1024 * 1024;

/** Sockets that wait for their next turn, over all connections. */
let waiting: DiscardedReads[] = [];

function nextTurn(): void {
  const resumed = waiting.slice(0, RESUMED_PER_TURN);
  waiting = waiting.slice(RESUMED_PER_TURN);
  if (waiting.length > 0) setImmediate(nextTurn);
  for (const reads of resumed) reads.resume();
}

export class DiscardedReads {
  readonly #socket: Pick<Socket, "pause" | "destroy">;
  readonly #readOn: () => void;
  #bytes = 0;
  #isWaiting = false;

  /** `readOn`: resumes the socket when its turn has come. */
  constructor(socket: Pick<Socket, "pause" | "destroy">, readOn: () => void) {
    this.#socket = socket;
    this.#readOn = readOn;
  }

  /** The socket is paused until its turn comes. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** So many bytes came. Destroys the socket after too many. */
  took(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > DISCARDED_BYTES_MAX) {
      this.#socket.destroy();
    } else if (bytes >= BYTES_ENDING_TURN && !this.#isWaiting) {
      this.#isWaiting = true;
      this.#socket.pause();
      if (waiting.push(this) === 1) setImmediate(nextTurn);
    }
  }

  resume(): void {
    this.#isWaiting = false;
    this.#readOn();
  }
}
