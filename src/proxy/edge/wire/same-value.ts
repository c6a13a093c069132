// Values of field lines that are nearly always the same on one connection.
import { copiedBytes } from "../../../guard/copied-bytes.ts";
import type { HeaderLines } from "../../../http1/header-lines.ts";

/** Longer ones are not kept, bytes: a connection is to be small. */
const KEPT_MAX = 1_024;

/** Makes a string only when the value differs from the last one: the same string is found and compared faster, too. */
export class SameValue {
  #bytes: Uint8Array | null = null;
  #text = "";

  /** One character a byte. */
  of(lines: HeaderLines, line: number): string {
    if (this.#bytes !== null && lines.valueEquals(line, this.#bytes)) return this.#text;
    const [start, end] = [lines.valueStart(line), lines.valueEnd(line)];
    if (end - start > KEPT_MAX) return lines.value(line);
    this.#text = lines.value(line);
    this.#bytes = copiedBytes(lines.bytes, start, end);
    return this.#text;
  }
}
