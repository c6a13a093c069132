/** What a write can be made on; of `Bun.Socket`. */
interface Sink {
  write(data: Uint8Array): number;
}

/**
 * Bytes on their way into a socket. `Bun.Socket.write` takes what the kernel takes and answers how much that was (negative:
 * closed); the rest waits here, in order, for `drain`. Whoever fills it stops reading while it is not empty, which bounds it.
 */
export class RelayOutbox {
  readonly #sink: Sink;
  readonly #waiting: Uint8Array[] = [];
  #bytes = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True: all of it was taken. */
  write(data: Uint8Array): boolean {
    if (this.#bytes > 0) {
      this.#keep(data);
      return false;
    }
    const taken = Math.max(0, this.#sink.write(data));
    if (taken === data.length) return true;
    this.#keep(data.subarray(taken));
    return false;
  }

  /** Tries again. True: nothing waits any more. */
  flush(): boolean {
    while (this.#waiting.length > 0) {
      const next = this.#waiting[0];
      if (next === undefined) break;
      const taken = Math.max(0, this.#sink.write(next));
      this.#bytes -= taken;
      if (taken < next.length) {
        this.#waiting[0] = next.subarray(taken);
        return false;
      }
      this.#waiting.shift();
    }
    return true;
  }

  #keep(data: Uint8Array): void {
    this.#waiting.push(data);
    this.#bytes += data.length;
  }
}
