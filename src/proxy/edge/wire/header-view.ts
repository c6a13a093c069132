// The field lines of a head as the gate reads them: strings are made only of what is asked for.
import { copiedBytes } from "../../../guard/copied-bytes.ts";
import type { HeaderLines } from "../../../http1/header-lines.ts";
import { Known } from "../../../http1/known-header.ts";
import type { MessageHead } from "../../../http1/message-head.ts";
import type { HeaderReader } from "../../routing/header-reader.ts";
import { SameValue } from "./same-value.ts";

const KNOWN: ReadonlyMap<string, number> = new Map(
  Object.entries(Known).filter(([, known]) => known !== Known.other),
);
/** Names that policies read, as bytes. Which ones is up to documents: their number is bounded. */
const NAMES_MAX = 1_024;
const names = new Map<string, Uint8Array>();

export class HeaderView implements HeaderReader {
  readonly #lines: HeaderLines;
  readonly #authorization = new SameValue();

  constructor(lines: HeaderLines) {
    this.#lines = lines;
  }

  /** Several lines are joined as `Headers` joins them: Cookie by `; `, all others by `, `. */
  get(name: string): string | null {
    const lines = this.#lines;
    const known = KNOWN.get(name) ?? Known.other;
    const bytes = known === Known.other ? bytesOf(name) : null;
    let value: string | null = null;
    for (let line = 0; line < lines.count; line++) {
      if (lines.known(line) !== known) continue;
      if (bytes !== null && !lines.nameIs(line, bytes)) continue;
      const text =
        known === Known.authorization ? this.#authorization.of(lines, line) : lines.value(line);
      value = value === null ? text : `${value}${known === Known.cookie ? "; " : ", "}${text}`;
    }
    return value;
  }

  /** Each line. */
  forEach(visit: (value: string, name: string) => void): void {
    const lines = this.#lines;
    for (let line = 0; line < lines.count; line++) visit(lines.value(line), lines.name(line));
  }
}

function bytesOf(name: string): Uint8Array {
  let bytes = names.get(name);
  if (bytes === undefined) {
    if (names.size >= NAMES_MAX) names.clear();
    bytes = Buffer.from(name, "latin1");
    names.set(name, bytes);
  }
  return bytes;
}

/** Moves the lines into bytes of their own: the chunk that they came in may be large, and they last as long as a tunnel. */
export function compact(head: MessageHead): void {
  const { start } = head;
  head.bytes = copiedBytes(head.bytes, start, head.end);
  head.rebase(-start);
}
