/** What requests and responses have in common: version, framing of the body, and what Connection says. */
import { HeaderLines } from "./header-lines.ts";
import { Known } from "./known-header.ts";

/** How a body ends (RFC 9112 §6.3). */
export const Framing = {
  /** There is no body. */
  none: 0,
  /** After `contentLength` bytes. */
  length: 1,
  /** After the last chunk and its trailers. */
  chunked: 2,
  /** With the connection. Responses only. */
  untilClose: 3,
  /** What follows is not HTTP: 101, and 2xx to CONNECT. Responses only. */
  tunnel: 4,
} as const;

export type Framing = (typeof Framing)[keyof typeof Framing];

const KEPT: ReadonlySet<number> = new Set([
  Known.host,
  Known["content-length"],
  Known["transfer-encoding"],
]);
const NO_OPTIONS = new Int32Array(0);
const OPTION_ROOM_FIRST = 8;

export class MessageHead extends HeaderLines {
  /** Where the start line begins, in `bytes`. */
  start = 0;
  /** Behind the start line and its CRLF: `start` to `linesStart` is the start line as it came. */
  linesStart = 0;
  /** Behind the empty line. */
  end = 0;
  /** Of HTTP/1.x: 0 or 1. */
  minorVersion = 1;
  framing: Framing = Framing.none;
  /** Bytes of the body that Content-Length promises, also where there is no body (HEAD, 304); -1 without Content-Length. */
  contentLength = -1;
  /** Whether version and Connection let the connection go on after this message (RFC 9112 §9.3). */
  keepAlive = true;
  /** Connection says `upgrade`, and there is an Upgrade line, on HTTP/1.1. */
  isUpgrade = false;
  /** Members of Connection besides `close`, `keep-alive` and `upgrade`: names of header lines that end here. */
  optionCount = 0;
  /** Start and end of each of them. */
  options: Int32Array = NO_OPTIONS;

  optionStart(option: number): number {
    return this.options[option * 2] as number;
  }
  optionEnd(option: number): number {
    return this.options[option * 2 + 1] as number;
  }

  /**
   * Whether Connection names this line, so that it ends here (RFC 9110 §7.6.1). Never Host and the lines of framing: without
   * them the head would be that of another message.
   */
  isNamedByConnection(line: number): boolean {
    if (this.optionCount === 0 || KEPT.has(this.known(line))) return false;
    const start = this.nameStart(line);
    const length = this.nameEnd(line) - start;
    for (let option = 0; option < this.optionCount; option++) {
      const optionStart = this.optionStart(option);
      if (this.optionEnd(option) - optionStart !== length) continue;
      let k = 0;
      while (
        k < length &&
        lowerCase(this.bytes[start + k] as number) ===
          lowerCase(this.bytes[optionStart + k] as number)
      ) {
        k++;
      }
      if (k === length) return true;
    }
    return false;
  }

  /** Adds a member of Connection. */
  addOption(start: number, end: number): void {
    const at = this.optionCount * 2;
    if (at === this.options.length) {
      const { options } = this;
      this.options = new Int32Array(Math.max(OPTION_ROOM_FIRST, at * 2));
      this.options.set(options);
    }
    this.options[at] = start;
    this.options[at + 1] = end;
    this.optionCount++;
  }
}

function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}
