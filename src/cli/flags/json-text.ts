// JSON typed into a flag: strict (RFC 8259), no duplicate names, no numbers that would be rounded, and errors with their position.
import { isExactNumberText } from "../../json/exact-number.ts";
import { safeText } from "../terminal/safe-text.ts";

type JsonText =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: string; readonly at: number };

/** Maximum nesting: the parser recurses. */
const depthMax = 64;
const space = /[ \t\n\r]*/y;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** A string up to its end or its first invalid character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: strings must not contain them.
const characters = /(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
const words: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["false", false],
  ["null", null],
]);

class Wrong extends Error {
  readonly at: number;
  constructor(problem: string, at: number) {
    super(problem);
    this.at = at;
  }
}

/** `at` counts UTF-16 units from the start. */
export function parseJsonText(text: string): JsonText {
  const reader = new JsonReader(text);
  try {
    return { ok: true, value: reader.whole() };
  } catch (thrown) {
    if (!(thrown instanceof Wrong)) throw thrown;
    return { ok: false, problem: thrown.message, at: thrown.at };
  }
}

class JsonReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): unknown {
    const value = this.#value(0);
    if (this.#at < this.#text.length) this.#fail("expected the end");
    return value;
  }

  #value(depth: number): unknown {
    if (depth > depthMax) this.#fail(`nested more than ${depthMax} deep`);
    this.#take(space);
    const value = this.#bare(depth);
    this.#take(space);
    return value;
  }

  #bare(depth: number): unknown {
    const next = this.#text[this.#at];
    if (next === "{") return this.#object(depth);
    if (next === "[") return this.#array(depth);
    if (next === '"') return this.#string();
    for (const [word, value] of words) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    const start = this.#at;
    const digits = this.#take(number);
    if (digits === "") this.#fail(`expected a value${hint(next)}`);
    if (!isExactNumberText(digits)) {
      throw new Wrong("a number that would not be kept exactly: write it as text", start);
    }
    return Number(digits);
  }

  #object(depth: number): unknown {
    const fields = new Map<string, unknown>();
    this.#at++;
    this.#take(space);
    if (this.#taken("}")) return {};
    do {
      this.#take(space);
      const start = this.#at;
      if (this.#text[start] !== '"') {
        this.#fail(`expected a name in double quotes${hint(this.#text[start])}`);
      }
      const name = this.#string();
      if (fields.has(name)) throw new Wrong(`duplicate name "${name}"`, start);
      this.#take(space);
      if (!this.#taken(":")) this.#fail("expected :");
      fields.set(name, this.#value(depth + 1));
    } while (this.#taken(","));
    if (!this.#taken("}")) this.#fail("expected , or }");
    return Object.fromEntries(fields);
  }

  #array(depth: number): unknown {
    const items: unknown[] = [];
    this.#at++;
    this.#take(space);
    if (this.#taken("]")) return items;
    do items.push(this.#value(depth + 1));
    while (this.#taken(","));
    if (!this.#taken("]")) this.#fail("expected , or ]");
    return items;
  }

  #string(): string {
    const start = this.#at++;
    this.#take(characters);
    const next = this.#text[this.#at];
    if (next === undefined) throw new Wrong("unterminated string: expected a double quote", start);
    if (next === "\\") this.#fail("not a JSON escape");
    if (next !== '"') this.#fail("control character in a string: write it as \\n, \\t or \\u00XX");
    this.#at++;
    return JSON.parse(this.#text.slice(start, this.#at));
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [taken = ""] = pattern.exec(this.#text) ?? [];
    this.#at += taken.length;
    return taken;
  }

  #taken(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #fail(problem: string): never {
    throw new Wrong(problem, this.#at);
  }
}

function hint(next: string | undefined): string {
  if (next === "'") return ": JSON uses double quotes";
  if (next === undefined) return ", and it ends here";
  return next === "}" || next === "]" ? ": a comma too many?" : "";
}

/** Characters shown on either side of the error. */
const contextMax = 30;

/** The text around the error as one safe line, and a caret under the error. White space becomes spaces, which keeps the caret aligned. */
export function pointAt(text: string, at: number): readonly [line: string, caret: string] {
  const start = Math.max(0, at - contextMax);
  const end = Math.min(text.length, at + contextMax);
  const before = `${start > 0 ? "…" : ""}${oneLine(text.slice(start, at))}`;
  const after = `${oneLine(text.slice(at, end))}${end < text.length ? "…" : ""}`;
  return [before + after, `${" ".repeat(Bun.stringWidth(before))}^`];
}

function oneLine(text: string): string {
  return safeText(text.replace(/\s/g, " "));
}
