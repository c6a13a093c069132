// What a socket has not taken yet.
import { copiedBytes } from "./copied-bytes.ts";

/** Writes bytes; answers how many were taken, negative when the socket is closed. */
export interface ByteSink {
  write(bytes: Uint8Array, start: number, length: number): number;
}

/** Keeps the bytes that a socket did not take, in order, until it takes more. */
export class Outbox {
  readonly #kept: Uint8Array[] = [];
  /** Offset of the first byte that is left of the first piece. */
  #at = 0;
  #bytes = 0;

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#kept.length === 0;
  }

  /**
   * Bytes taken at once; the rest is kept. Negative: the socket is closed. What is kept is copied, and the caller's bytes are
   * free; with `isOwn` they are the outbox's, and most of a buffer is kept as it is.
   */
  write(sink: ByteSink, bytes: Uint8Array, start: number, end: number, isOwn = false): number {
    const taken = this.isEmpty ? sink.write(bytes, start, end - start) : 0;
    if (taken < 0) return taken;
    const left = end - start - taken;
    if (left > 0) {
      const isMost = isOwn && left * 2 >= bytes.buffer.byteLength;
      this.#kept.push(
        isMost ? bytes.subarray(end - left, end) : copiedBytes(bytes, end - left, end),
      );
      this.#bytes += left;
    }
    return taken;
  }

  /** Writes on until the socket takes no more. False: it is closed. */
  flush(sink: ByteSink): boolean {
    for (let first = this.#kept[0]; first !== undefined; first = this.#kept[0]) {
      const length = first.length - this.#at;
      const taken = sink.write(first, this.#at, length);
      if (taken < 0) return false;
      this.#at += taken;
      this.#bytes -= taken;
      if (taken < length) return true;
      this.#kept.shift();
      this.#at = 0;
    }
    return true;
  }

  clear(): void {
    this.#kept.length = 0;
    this.#at = 0;
    this.#bytes = 0;
  }
}
