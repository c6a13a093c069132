// Under which names programs find a cookie: they trim, decode and fold names in ways that the gate, which takes them as they
// came, does not.
import { fieldKey } from "../snapshot/header-match.ts";

/** Layers of encoding that are looked into: a framework decodes once, a program behind another one more. */
const LAYERS = 3;

/** Characters of odd names, of all layers, that are looked into in one line; a name beyond that counts as read. */
const ODD_CHARACTERS_MAX = 4_096;
/** What a name costs beside its characters. */
const NAME_COST = 16;

/** Which pairs of one Cookie line some program reads as one of these keys (`fieldKey`). */
export class CookieReadings {
  readonly #keys: readonly string[];
  #left = ODD_CHARACTERS_MAX;

  constructor(keys: readonly string[]) {
    this.#keys = keys;
  }

  /**
   * White space, controls, commas and `&` separate pairs to some parsers (SimpleCookie of Python, old Rack, Tomcat's legacy one,
   * Workerman).
   */
  has(pair: string): boolean {
    return (
      this.#hasPart(pair) ||
      (pair.includes("&") && pair.split("&").some((part) => this.#hasPart(part)))
    );
  }

  #hasPart(pair: string): boolean {
    let start = 0;
    for (let at = 0; at < pair.length; at++) {
      const code = pair.charCodeAt(at);
      if (code !== COMMA && !isInvisible(code)) continue;
      if (at > start && this.#isNamed(pair.slice(start, at))) return true;
      start = at + 1;
    }
    return (start > 0 && this.#isNamed(pair.slice(start))) || this.#isNamed(pair);
  }

  #isNamed(pair: string): boolean {
    const name = nameOf(pair);
    // No reading is longer than what it reads.
    const keys = this.#keys.filter((key) => key.length <= name.length);
    if (keys.length === 0) {
      return false;
    }
    if (PLAIN.test(name)) {
      return keys.some((key) => key.length === name.length && key === fieldKey(name));
    }
    let text = name;
    for (let layer = 0; ; layer++) {
      this.#left -= text.length + NAME_COST;
      if (this.#left < 0 || isShownAs(text, keys)) {
        return true;
      }
      if (layer === LAYERS || !ENCODED.test(text)) {
        return false;
      }
      text = decodedOnce(text);
      if (keys.every((key) => key.length > text.length)) {
        return false;
      }
    }
  }
}

/** Without what is not visible ASCII around it: programs differ in what they trim. */
export function visible(name: string): string {
  let end = name.length;
  while (end > 0 && isInvisible(name.charCodeAt(end - 1))) {
    end--;
  }
  let start = 0;
  while (start < end && isInvisible(name.charCodeAt(start))) {
    start++;
  }
  return name.slice(start, end);
}

function isInvisible(code: number): boolean {
  return code < 0x21 || code > 0x7e;
}

const COMMA = 44;

/** Names that all programs read alike but for letter case, and `_` or `.` for another character. */
const PLAIN = /^[\w.-]*$/;
const ENCODED = /[%+]/;

/** `=name=value` is a cookie `name` to some (CVE-2023-23934). */
function nameOf(pair: string): string {
  let start = 0;
  while (pair[start] === "=" || isInvisible(pair.charCodeAt(start))) {
    start++;
  }
  const equals = pair.indexOf("=", start);
  return pair.slice(start, equals === -1 ? undefined : equals);
}

/** Whether one layer of a name is read as a key: as bytes, and as UTF-8. */
function isShownAs(text: string, keys: readonly string[]): boolean {
  if (isKeyed(text, keys)) {
    return true;
  }
  return BEYOND_ASCII.test(text) && isKeyed(foldedWide(text), keys);
}

const BEYOND_ASCII = /[^\0-\x7f]/;

/** Fullwidth and other forms of letters as those letters: what .NET and Python programs fold names to. */
function foldedWide(text: string): string {
  const bytes = Buffer.from(text, "latin1");
  const wide = bytes.toString("latin1") === text ? bytes.toString() : text;
  return wide.normalize("NFKC").toUpperCase();
}

/**
 * The name to a program that trims, one in C for which it ends at a NUL, one that leaves controls out, PHP (`name[…]` is an array
 * of that name) and Werkzeug (quotes, escapes within).
 */
function isKeyed(text: string, keys: readonly string[]): boolean {
  if (isKey(text, keys)) {
    return true;
  }
  if (!ODD.test(text)) {
    return false;
  }
  return [
    text.slice(0, text.search(/[^\0]\0/) + 1),
    text.replace(CONTROLS, ""),
    text.slice(0, Math.max(text.indexOf("["), 0)),
    unquoted(text),
  ].some((each) => isKey(each, keys));
}

function isKey(text: string, keys: readonly string[]): boolean {
  const name = visible(text);
  return keys.some((key) => key.length === name.length && key === fieldKey(name));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const ODD = /[\0-\x1f\x7f-\x9f["]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROLS = /[\0-\x1f\x7f-\x9f]/g;

function unquoted(text: string): string {
  return visible(text)
    .replace(/^"|"$/g, "")
    .replace(/\\([0-3][0-7]{2}|.)/g, (_, escaped: string) =>
      escaped.length === 3 ? String.fromCharCode(Number.parseInt(escaped, 8)) : escaped,
    );
}

/** Bytes as they stand, UTF-16 units as IIS knows them, and `+` as a space. */
function decodedOnce(text: string): string {
  return text
    .replaceAll("+", " ")
    .replace(/%(?:[uU]([0-9A-Fa-f]{4})|([0-9A-Fa-f]{2}))/g, (_, unit?: string, byte?: string) =>
      String.fromCharCode(Number.parseInt(unit ?? byte ?? "", 16)),
    );
}
