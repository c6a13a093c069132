/**
 * Trailer sections (RFC 9112 §7.1.2): field lines behind the last chunk. Lines that RFC 9110 §6.5.1 keeps out of trailers,
 * because they would change framing, routing, authentication or how the content is read, are dropped: `HeadWriter.keptLines`
 * leaves them out and `isDropped` tells. Content-Length and Transfer-Encoding are an error: somebody hopes for a reader that
 * believes them. Trailers never join the header lines.
 */
import type { HeaderLines } from "./header-lines.ts";
import { Known } from "./known-header.ts";
import type { Limits } from "./limits.ts";
import { LineScanner } from "./line-scanner.ts";
import type { ParseErrorCode, ParseErrors } from "./parse-error.ts";
import { SectionParser, Step } from "./section-parser.ts";

const CONTENT_LENGTH = Known["content-length"];
const TRANSFER_ENCODING = Known["transfer-encoding"];

/** What a trailer may be, of the known names: the rest of them has its meaning in a head only. */
const ALLOWED: ReadonlySet<number> = new Set([
  Known.other,
  Known.date,
  Known.server,
  Known["x-request-id"],
]);

export class TrailerParser extends SectionParser {
  protected readonly lines: HeaderLines;
  protected readonly tooLarge: ParseErrorCode = "trailers-too-large";
  readonly #scanner: LineScanner;

  constructor(errors: ParseErrors, limits: Limits, lines: HeaderLines) {
    super(errors, limits.trailerBytesMax);
    this.lines = lines;
    this.#scanner = new LineScanner(lines, limits.lineCountMax);
  }

  protected restart(): void {
    this.#scanner.restart();
    this.lines.count = 0;
  }

  protected scan(bytes: Uint8Array, from: number, end: number): number {
    const stopped = this.#scanner.scan(bytes, from, end);
    if (this.#scanner.error !== null) this.fail(this.#scanner.error);
    return stopped;
  }

  protected complete(): Step {
    for (let line = 0; line < this.lines.count; line++) {
      const known = this.lines.known(line);
      if (known === CONTENT_LENGTH || known === TRANSFER_ENCODING) {
        return this.fail("framing-in-trailers");
      }
      if (!ALLOWED.has(known)) this.lines.drop(line);
    }
    return Step.head;
  }

  protected rebase(): void {}

  protected isScanned(): boolean {
    return this.#scanner.isDone;
  }

  protected isBlank(): boolean {
    return false;
  }
}
