// Text of a flag → its value, or a problem that says how to fix it.

import { parseDocument } from "yaml";
import { safeText } from "../terminal/safe-text.ts";
import type { Flag, FlagKind } from "./flag.ts";
import { parseJsonText, pointAt } from "./json-text.ts";

type ReadFlag =
  | { readonly ok: true; readonly value: unknown }
  /** Lines: what is wrong, then where. */
  | { readonly ok: false; readonly problem: readonly string[] };

/** Kinds of flags that can be repeated. */
const repeatable: ReadonlySet<FlagKind> = new Set([
  "list",
  "texts",
  "json-map",
  "text-map",
  "claims",
]);

type Read = (name: string, text: string) => ReadFlag;

/** Placeholders of values in the help. */
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

/** `texts`: one value for each time the flag was given. */
export function readFlag(name: string, flag: Flag, texts: readonly string[]): ReadFlag {
  if (texts.length > 1 && !repeatable.has(flag.kind)) return wrong(`--${name} is given twice`);
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
  // The text is the content of the file.
  "json-file": readJsonOrYaml,
  // Digits are sent as a number (seconds or milliseconds); the API parses any other text.
  time: (_name, text) => ({ ok: true, value: /^\d{1,15}$/.test(text) ? Number(text) : text }),
  access: readAccess,
};

/** An access value of a permission document, bare or as JSON: all, none, an instance, a list, a range. */
function readAccess(name: string, text: string): ReadFlag {
  if (text === "*" || /^\d+-\d+$/.test(text)) return { ok: true, value: text };
  const read = parseJsonText(text);
  if (read.ok || /^\s*["[]/.test(text)) return readJson(`--${name}`, text);
  return wrong(`--${name} is true, false, an instance, [1,2], 1-5 or *; not ${safeText(text)}`);
}

/** JSON, or what is wrong and where. `where`: the flag or pair, for the message. */
export function readJson(where: string, text: string): ReadFlag {
  const read = parseJsonText(text);
  if (read.ok) return read;
  const [shown, caret] = pointAt(text, read.at);
  const line = text.slice(0, read.at).split("\n").length;
  const place = text.includes("\n") ? ` in line ${line}` : "";
  return wrong(`${where} is not JSON${place}: ${read.problem}`, `  ${shown}`, `  ${caret}`);
}

/** Text that does not look like JSON is read as YAML, as `get -o yaml` writes it. */
function readJsonOrYaml(name: string, text: string): ReadFlag {
  if (/^\s*[{["]/.test(text) || !/^[\w"'-]+\s*:|^---/m.test(text))
    return readJson(`--${name}`, text);
  const document = parseDocument(text, { uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) return wrong(`--${name} is not YAML: ${safeText(error.message)}`);
  // No document needs an alias, and a few can stand for a very large one.
  return { ok: true, value: document.toJS({ maxAliasCount: 0 }) };
}

function readJsonPair(name: string, text: string, key: string): ReadFlag {
  return readJson(`--${name} ${safeText(key)}`, text);
}

/** The type of a claim matters: `name=text` is a string, `name:=json` a number or a boolean. */
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
    if (pairs.has(name)) return wrong(`--${flag} ${safeText(name)} is given twice`);
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
  return flag.secret ? "the given value" : safeText(text);
}

function wrong(...problem: readonly string[]): ReadFlag {
  return { ok: false, problem };
}
