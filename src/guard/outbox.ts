// What a socket has not taken yet.

/** Writes bytes; answers how many were taken, negative when the socket is closed. */
export interface ByteSink {
  write(bytes: Uint8Array, start: number, length: number): number;
}

/** Keeps the bytes that a socket did not take, in order, until it takes more. What is kept is copied: the caller's bytes are free. */
export class Outbox {
  readonly #kept: Uint8Array[] = [];
  /** Offset of the first byte that is left of the first piece. */
  #at = 0;

  /** Bytes that are kept. */
  get bytes(): number {
    let bytes = -this.#at;
    for (const piece of this.#kept) bytes += piece.length;
    return bytes;
  }

  get isEmpty(): boolean {
    return this.#kept.length === 0;
  }

  /** Bytes taken at once; the rest is kept. Negative: the socket is closed. */
  write(sink: ByteSink, bytes: Uint8Array, start: number, end: number): number {
    const taken = this.isEmpty ? sink.write(bytes, start, end - start) : 0;
    if (taken < 0) return taken;
    if (start + taken < end) this.#kept.push(bytes.slice(start + taken, end));
    return taken;
  }

  /** Writes on until the socket takes no more. False: it is closed. */
  flush(sink: ByteSink): boolean {
    for (let first = this.#kept[0]; first !== undefined; first = this.#kept[0]) {
      const length = first.length - this.#at;
      const taken = sink.write(first, this.#at, length);
      if (taken < 0) return false;
      this.#at += taken;
      if (taken < length) return true;
      this.#kept.shift();
      this.#at = 0;
    }
    return true;
  }

  clear(): void {
    this.#kept.length = 0;
    this.#at = 0;
  }
}
