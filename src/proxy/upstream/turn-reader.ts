// Bodies of clients' requests, read in pieces that are worth a turn of the event loop.

/** A piece of fewer bytes is small. */
const SMALL_BYTES = 16_384;
/** After so many small pieces the next read waits for the next turn. */
const SMALL_PIECES_MAX = 16;

/**
 * Reads a body that the runtime fills. It hands over each chunk of a chunked body at once as long as a read waits for one: 87,000
 * pieces, one after another, for 512 KiB in chunks of one byte (seen in Bun 1.4.5). While none waits, it puts them together. So after
 * a few small pieces a read waits for the next turn, and gets all that has come until then. A short body is read at once.
 */
export class TurnReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #smallPieces = 0;

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
  }

  /** The next piece. Rejects when the body breaks off. */
  async read(): ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]> {
    if (this.#smallPieces === SMALL_PIECES_MAX) {
      this.#smallPieces = 0;
      await nextTurn();
    }
    const next = await this.#reader.read();
    if (!next.done && next.value.byteLength < SMALL_BYTES) this.#smallPieces++;
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
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
