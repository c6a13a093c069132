// Bodies of clients' requests, read in pieces that are worth a turn of the event loop.
import { bytesEndingTurn, eventLoopReads, type Yielding } from "../../guard/read-turns.ts";

/** A piece of fewer bytes is small. */
const SMALL_BYTES = 16_384;
/** After so many small pieces the next read waits for a coming turn. */
const SMALL_PIECES_MAX = 16;
/** What small pieces count as: taking 512 KiB of tiny chunks apart costs the runtime 17 ms. */
const SMALL_PIECES_COUNT_AS = 1024 * 1024;

/**
 * Reads a body that the runtime fills. It hands over each chunk of a chunked body at once as long as a read waits for one: 87,000
 * pieces, one after another, for 512 KiB in chunks of one byte (seen in Bun 1.4.5). While none waits, it puts them together, and
 * stops reading the connection once it has enough. So after a few small pieces, or a large one, a read waits for a coming turn, which
 * all uploads and upstreams share. A short body is read at once.
 */
export class TurnReader implements Yielding {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #line: string;
  #smallPieces = 0;
  #largeBytes = 0;
  #goOn: (() => void) | null = null;

  /** How long the sender took for the last piece, in milliseconds: without the wait for a turn. */
  senderMs = 0;

  /** `line`: of whoever sends the body; see `ReadTurns`. */
  constructor(body: ReadableStream<Uint8Array>, line: string) {
    this.#reader = body.getReader();
    this.#line = line;
  }

  /** The next piece. Rejects when the body breaks off. */
  async read(): ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]> {
    if (this.#smallPieces === SMALL_PIECES_MAX || this.#largeBytes >= bytesEndingTurn) {
      await this.#turn();
    }
    const askedMs = performance.now();
    const next = await this.#reader.read();
    this.senderMs = performance.now() - askedMs;
    if (next.done) return next;
    const { byteLength } = next.value;
    if (byteLength < SMALL_BYTES) this.#smallPieces++;
    else this.#largeBytes += byteLength;
    return next;
  }

  /** The rest is not wanted. */
  cancel(reason?: unknown): Promise<void> {
    return this.#reader.cancel(reason);
  }

  /** Leaves the rest to others. */
  releaseLock(): void {
    this.#reader.releaseLock();
  }

  resumeReading(): void {
    this.#goOn?.();
  }

  #turn(): Promise<void> {
    const isSmall = this.#smallPieces === SMALL_PIECES_MAX;
    const bytes = isSmall ? SMALL_PIECES_COUNT_AS : this.#largeBytes;
    this.#smallPieces = 0;
    this.#largeBytes = 0;
    return new Promise((resolve) => {
      this.#goOn = resolve;
      eventLoopReads.wait(this, this.#line, bytes);
    });
  }
}
