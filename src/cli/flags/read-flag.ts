// The text of a flag → its value, or what is wrong with it, told so that it can be put right.

import { safeText } from "../terminal/safe-text.ts";
import type { Flag, FlagKind } from "./flag.ts";
import { parseJsonText, pointAt } from "./json-text.ts";

type ReadFlag =
  | { readonly ok: true; readonly value: unknown }
  /** Lines: what is wrong, and below it where. */
  | { readonly ok: false; readonly problem: readonly string[] };

/** Kinds that may be said several times. */
const repeatable: ReadonlySet<FlagKind> = new Set([
  "list",
  "texts",
  "json-map",
  "text-map",
  "claims",
]);

type Read = (name: string, text: string) => ReadFlag;

/** What stands for the value in the help. */
export const placeholders: Readonly<Record<FlagKind, string>> = {
  text: "text",
  integer: "number",
  boolean: "",
  list: "a,b",
  texts: "text",
  json: "json",
  "json-file": "file",
  "json-map": "name=json",
  "text-map": "name=text",
  claims: "name=text",
  time: "time",
  access: "access",
};

/** `texts`: what followed the flag, each time it was said. `false`: it was said with `no-`. */
export function readFlag(name: string, flag: Flag, texts: readonly string[]): ReadFlag {
  if (texts.length > 1 && !repeatable.has(flag.kind)) return wrong(`--${name} is there twice`);
  switch (flag.kind) {
    case "list":
      return { ok: true, value: texts.flatMap(splitList) };
    case "texts":
      return { ok: true, value: texts };
    case "json-map":
      return readPairs(name, texts, readJsonPair);
    case "text-map":
      return readPairs(name, texts, (_name, text) => ({ ok: true, value: text }));
    case "claims":
      return readPairs(name, texts, readClaim);
  }
  const text = texts[0] ?? "";
  const read = scalars[flag.kind](name, text);
  if (read.ok && flag.choices !== undefined && !flag.choices.includes(text)) {
    return wrong(`--${name} is one of ${flag.choices.join(", ")}; not ${shown(flag, text)}`);
  }
  return read;
}

const scalars: Readonly<
  Record<Exclude<FlagKind, "list" | "texts" | "json-map" | "text-map" | "claims">, Read>
> = {
  text: (_name, text) => ({ ok: true, value: text }),
  integer: (name, text) =>
    /^-?\d{1,15}$/.test(text)
      ? { ok: true, value: Number(text) }
      : wrong(`--${name} is a whole number; not ${safeText(text)}`),
  boolean: (name, text) =>
    text === "true" || text === "false"
      ? { ok: true, value: text === "true" }
      : wrong(`--${name} is true or false; not ${safeText(text)}`),
  json: (name, text) => readJson(`--${name}`, text),
  // The text is what the file has.
  "json-file": (name, text) => readJson(`--${name}`, text),
  // Seconds or milliseconds are numbers to the API; everything else it reads itself.
  time: (_name, text) => ({ ok: true, value: /^\d{1,15}$/.test(text) ? Number(text) : text }),
  access: readAccess,
};

/** All, none, an instance, a list, a range. The forms of a document's access values, bare or as JSON. */
function readAccess(name: string, text: string): ReadFlag {
  if (text === "*" || /^\d+-\d+$/.test(text)) return { ok: true, value: text };
  const read = parseJsonText(text);
  if (read.ok || /^\s*["[]/.test(text)) return readJson(`--${name}`, text);
  return wrong(`--${name} is true, false, an instance, [1,2], 1-5 or *; not ${safeText(text)}`);
}

/** JSON, or what is wrong with it and where. `where`: what it was given as. */
export function readJson(where: string, text: string): ReadFlag {
  const read = parseJsonText(text);
  if (read.ok) return read;
  const [shown, caret] = pointAt(text, read.at);
  const line = text.slice(0, read.at).split("\n").length;
  const place = text.includes("\n") ? ` in line ${line}` : "";
  return wrong(`${where} is not JSON${place}: ${read.problem}`, `  ${shown}`, `  ${caret}`);
}

function readJsonPair(name: string, text: string, key: string): ReadFlag {
  return readJson(`--${name} ${safeText(key)}`, text);
}

/** Claims are compared by type as well: `name=text` is a text, `name:=json` a number or a truth value. */
function readClaim(name: string, text: string, key: string): ReadFlag {
  return key.endsWith(":")
    ? readJson(`--${name} ${safeText(key)}`, text)
    : { ok: true, value: text };
}

/** `name=value`, each name once. */
function readPairs(
  flag: string,
  texts: readonly string[],
  read: (flag: string, text: string, key: string) => ReadFlag,
): ReadFlag {
  const pairs = new Map<string, unknown>();
  for (const text of texts) {
    const cut = text.indexOf("=");
    if (cut < 1) return wrong(`--${flag} is written --${flag} NAME=VALUE`);
    const key = text.slice(0, cut);
    const name = read === readClaim ? key.replace(/:$/, "") : key;
    if (pairs.has(name)) return wrong(`--${flag} ${safeText(name)} is there twice`);
    const value = read(flag, text.slice(cut + 1), key);
    if (!value.ok) return value;
    pairs.set(name, value.value);
  }
  return { ok: true, value: Object.fromEntries(pairs) };
}

/** Commas separate; an empty text is an empty list. */
function splitList(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function shown(flag: Flag, text: string): string {
  return flag.secret ? "what was given" : safeText(text);
}

function wrong(...problem: readonly string[]): ReadFlag {
  return { ok: false, problem };
}
