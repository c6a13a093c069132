// What JSON.parse changes without a word: numbers that a double does not hold, and all but the last of equal names.
import { isExactNumberText } from "./exact-number.ts";

/** One place where the parsed value is not what the text says. */
export interface JsonFault {
  readonly kind: "number" | "duplicate";
  /** Names and indexes from the root. */
  readonly path: readonly string[];
}

/** Steps of a path that are reported; deeper ones are left out, so that deep nesting costs nothing. */
const pathStepsMax = 64;

/** An open object or array, and where in it the scan is. */
interface Frame {
  /** Names so far; null in an array. */
  readonly names: Set<string> | null;
  name: string;
  index: number;
}

/**
 * The faults of a text that JSON.parse accepts, at most `max`, in the text's order. One pass without recursion; linear in the length.
 */
export function jsonFaults(text: string, max: number): JsonFault[] {
  const faults: JsonFault[] = [];
  scan(text, (kind, frames) => {
    faults.push({ kind, path: frames.slice(0, pathStepsMax).map(stepOf) });
    return faults.length < max;
  });
  return faults;
}

/** Whether a text that JSON.parse accepts has such faults. */
export function jsonFaultKinds(text: string): ReadonlySet<JsonFault["kind"]> {
  const kinds = new Set<JsonFault["kind"]>();
  scan(text, (kind) => {
    kinds.add(kind);
    return true;
  });
  return kinds;
}

/** Calls `visit` at each fault until it answers false. */
function scan(
  text: string,
  visit: (kind: JsonFault["kind"], frames: readonly Frame[]) => boolean,
): void {
  const frames: Frame[] = [];
  let frame: Frame | undefined;
  let awaitsName = false;
  let goesOn = true;
  for (let at = 0; goesOn && at < text.length; at++) {
    const character = text[at] ?? "";
    switch (character) {
      case "{":
      case "[":
        frame = { names: character === "{" ? new Set() : null, name: "", index: 0 };
        frames.push(frame);
        awaitsName = character === "{";
        break;
      case "}":
      case "]":
        frames.pop();
        frame = frames.at(-1);
        awaitsName = false;
        break;
      case ",":
        awaitsName = frame?.names != null;
        if (frame !== undefined) frame.index++;
        break;
      case '"': {
        const end = endOfString(text, at);
        if (awaitsName && frame?.names != null) {
          frame.name = nameOf(text.slice(at, end + 1));
          if (frame.names.has(frame.name)) goesOn = visit("duplicate", frames);
          frame.names.add(frame.name);
          awaitsName = false;
        }
        at = end;
        break;
      }
      default:
        if (isNumberStart(character)) {
          const end = endOfNumber(text, at);
          if (!isExactNumberText(text.slice(at, end))) goesOn = visit("number", frames);
          at = end - 1;
        }
    }
  }
}

function stepOf({ names, name, index }: Frame): string {
  return names === null ? String(index) : name;
}

/** Index of the closing quote: the next one after an even number of backslashes. */
function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1);
  for (; quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let before = quote;
    while (text[before - 1] === "\\") before--;
    if ((quote - before) % 2 === 0) return quote;
  }
  return text.length;
}

function nameOf(quoted: string): string {
  return quoted.includes("\\") ? JSON.parse(quoted) : quoted.slice(1, -1);
}

function isNumberStart(character: string): boolean {
  return character === "-" || (character >= "0" && character <= "9");
}

const NUMBER = /[-+.0-9eE]*/y;

function endOfNumber(text: string, start: number): number {
  NUMBER.lastIndex = start;
  return start + (NUMBER.exec(text)?.[0].length ?? 0);
}
