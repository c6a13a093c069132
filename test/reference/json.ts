/**
 * JSON (RFC 8259), slow and obvious, for the reference decision: numbers keep their text, and equal names in one object are an error.
 * It shares no code with src.
 */
export type Json = null | boolean | string | JsonNumber | Json[] | Map<string, Json>;

/** A number as it was written. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Throws for what is not JSON, and for equal names. */
export function readJson(text: string): Json {
  const tokens = text.match(
    /[{}[\],:]|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/g,
  );
  // JSON.parse knows best what is JSON at all; only then the tokens above are all there is.
  JSON.parse(text);
  const rest = [...(tokens ?? [])];
  return readValue(rest);
}

function readValue(rest: string[]): Json {
  const token = rest.shift() ?? "";
  switch (token[0]) {
    case "{":
      return readObject(rest);
    case "[":
      return readArray(rest);
    case '"':
      return JSON.parse(token) as string;
    case "t":
      return true;
    case "f":
      return false;
    case "n":
      return null;
    default:
      return new JsonNumber(token);
  }
}

function readObject(rest: string[]): Map<string, Json> {
  const object = new Map<string, Json>();
  while (rest[0] !== "}") {
    const name = JSON.parse(rest.shift() ?? "") as string;
    rest.shift();
    if (object.has(name)) {
      throw new SyntaxError(`${name} is there twice`);
    }
    object.set(name, readValue(rest));
    if (rest[0] === ",") rest.shift();
  }
  rest.shift();
  return object;
}

function readArray(rest: string[]): Json[] {
  const array: Json[] = [];
  while (rest[0] !== "]") {
    array.push(readValue(rest));
    if (rest[0] === ",") rest.shift();
  }
  rest.shift();
  return array;
}

/** Two numbers as people read them: equal when they are the same decimal. Negative zero is equal to itself only. */
export function decimal(text: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  let digits = BigInt(whole + fraction);
  let power = BigInt(exponent) - BigInt(fraction.length);
  if (digits === 0n) {
    return `${sign}0`;
  }
  while (digits % 10n === 0n) {
    digits /= 10n;
    power += 1n;
  }
  return `${sign}${digits}e${power}`;
}
