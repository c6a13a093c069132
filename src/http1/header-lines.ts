/**
 * The field lines of a head or a trailer section, as spans in flat arrays. Nothing here is made per line or per message;
 * a caller makes strings only of what it needs:
 *
 *     for (let line = 0; line < lines.count; line++) {
 *       if (lines.known(line) === Known.cookie) read(lines.value(line));
 *       else if (lines.nameIs(line, X_TOKEN)) lines.drop(line);
 *     }
 *
 * Spans are offsets into `bytes`. They hold until the parser takes the next message; `bytes` is the caller's own chunk
 * where the section came whole, so a caller that reuses its buffers must be done with the lines before it does.
 */
import { equalsIgnoringCase } from "./characters.ts";

/** Lines of room to begin with; it doubles as needed. */
const CAPACITY_FIRST = 16;
const DROPPED = 0x80;
const NO_BYTES = new Uint8Array(0);
/** Of Bun and Node; their types leave it out. */
const { latin1Slice } = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
};

export class HeaderLines {
  /** What all spans point into. */
  bytes: Uint8Array = NO_BYTES;
  /** Lines that have come whole. */
  count = 0;
  /** Four offsets a line: start and end of the name, start and end of the value without white space around it. */
  spans: Int32Array;
  /** A byte a line: the number of its known name, and whether it is dropped. */
  kinds: Uint8Array;

  constructor(capacity: number = CAPACITY_FIRST) {
    this.spans = new Int32Array(capacity * 4);
    this.kinds = new Uint8Array(capacity);
  }

  /** Forgets all lines and the bytes. */
  clear(): void {
    this.bytes = NO_BYTES;
    this.count = 0;
  }

  /** Doubles the room. */
  grow(): void {
    const [spans, kinds] = [this.spans, this.kinds];
    this.spans = new Int32Array(spans.length * 2);
    this.spans.set(spans);
    this.kinds = new Uint8Array(kinds.length * 2);
    this.kinds.set(kinds);
  }

  /** Moves all spans, those of the line at hand included. */
  rebase(by: number): void {
    const end = Math.min((this.count + 1) * 4, this.spans.length);
    for (let k = 0; k < end; k++) this.spans[k] = (this.spans[k] as number) + by;
  }

  nameStart(line: number): number {
    return this.spans[line * 4] as number;
  }
  nameEnd(line: number): number {
    return this.spans[line * 4 + 1] as number;
  }
  valueStart(line: number): number {
    return this.spans[line * 4 + 2] as number;
  }
  valueEnd(line: number): number {
    return this.spans[line * 4 + 3] as number;
  }

  /** One of `Known`; 0 for other names. */
  known(line: number): number {
    return (this.kinds[line] as number) & ~DROPPED;
  }

  /** The first line of a known name at or after `from`; -1 when there is none. */
  find(known: number, from = 0): number {
    for (let line = from; line < this.count; line++) {
      if (this.known(line) === known) return line;
    }
    return -1;
  }

  /** Leaves the line out of what `HeadWriter.keptLines` writes. */
  drop(line: number): void {
    this.kinds[line] = (this.kinds[line] as number) | DROPPED;
  }
  isDropped(line: number): boolean {
    return ((this.kinds[line] as number) & DROPPED) !== 0;
  }

  /** Whether the name is `lower`, in any case. `lower` has no upper-case letter. */
  nameIs(line: number, lower: Uint8Array): boolean {
    return equalsIgnoringCase(this.bytes, this.nameStart(line), this.nameEnd(line), lower);
  }
  nameStartsWith(line: number, lower: Uint8Array): boolean {
    const start = this.nameStart(line);
    const end = start + lower.length;
    return end <= this.nameEnd(line) && equalsIgnoringCase(this.bytes, start, end, lower);
  }
  /** Whether the whole value is `lower`, in any case. */
  valueIs(line: number, lower: Uint8Array): boolean {
    return equalsIgnoringCase(this.bytes, this.valueStart(line), this.valueEnd(line), lower);
  }
  /** Whether the value is `exact`, byte for byte. Not constant in time: not for comparing secrets with what is true. */
  valueEquals(line: number, exact: Uint8Array): boolean {
    const start = this.valueStart(line);
    if (this.valueEnd(line) - start !== exact.length) return false;
    for (let k = 0; k < exact.length; k++) {
      if (this.bytes[start + k] !== exact[k]) return false;
    }
    return true;
  }

  /** Name as it was spelled. */
  name(line: number): string {
    return this.latin1(this.nameStart(line), this.nameEnd(line));
  }
  /** One character a byte. */
  value(line: number): string {
    return this.latin1(this.valueStart(line), this.valueEnd(line));
  }
  /** A string of any span, one character a byte. */
  latin1(start: number, end: number): string {
    return latin1Slice.call(this.bytes, start, end);
  }
}
