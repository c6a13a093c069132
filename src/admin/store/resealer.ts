import type { ValueBox } from "./sealed.ts";

/** Seals values anew that are not sealed as the box seals now, and counts. */
export class Resealer {
  readonly #box: ValueBox;
  /** Contexts of values that none of the keys opens; they stay as they are. */
  readonly unreadable: string[] = [];
  /** Values that had another key. */
  count = 0;

  constructor(box: ValueBox) {
    this.#box = box;
  }

  /** The value itself where it is well as it is, or where no key opens it. */
  anew<Value extends Uint8Array>(value: Value | null, context: string): Value | Buffer | null {
    if (value === null) return null;
    const sealed = Buffer.from(value);
    if (this.#box.isCurrent(sealed, context)) return value;
    const plain = this.#box.open(sealed, context);
    if (plain === null) {
      this.unreadable.push(context);
      return value;
    }
    this.count++;
    return this.#box.seal(plain, context);
  }
}
