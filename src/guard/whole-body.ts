// A body that is used when all of it is there, in one buffer: its pieces may be of a byte each, and are not kept.

export class WholeBody {
  readonly #bytesMax: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** `expected`: bytes that it will have; null: unknown. `bytesMax`: the most it may have. */
  constructor(expected: number | null, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#bytes = new Uint8Array(expected ?? 0);
  }

  /** False: it has too many. */
  push(chunk: Uint8Array, start: number, end: number): boolean {
    const length = this.#length + end - start;
    if (length > this.#bytesMax) return false;
    if (length > this.#bytes.length) {
      const wider = new Uint8Array(
        Math.min(this.#bytesMax, Math.max(length, this.#bytes.length * 2)),
      );
      wider.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = wider;
    }
    this.#bytes.set(chunk.subarray(start, end), this.#length);
    this.#length = length;
    return true;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }
}
