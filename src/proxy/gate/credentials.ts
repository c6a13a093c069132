import type { CredentialLocation } from "../../policy/credential-location.ts";
import type { Found } from "../../policy/explain-group.ts";
import type { PresentedCredentials } from "../../policy/identify.ts";
import type { HeaderReader } from "../routing/header-reader.ts";
import {
  joinTarget,
  pathOf,
  queryOf,
  type RequestTarget,
  withoutFragment,
} from "../routing/request-target.ts";
import { fieldKey } from "../snapshot/header-match.ts";
import { CookieReadings, visible } from "./cookie-names.ts";

/**
 * What a request presents, looked up on demand and never verified. A credential that is absent, empty or present more than
 * once is null: of two values neither is believed.
 */
export class RequestCredentials implements PresentedCredentials {
  readonly #headers: HeaderReader;
  readonly #target: RequestTarget;
  /** Split at most once a request, however many names are asked for. */
  #cookies: Values | undefined;
  #params: Values | undefined;

  constructor(headers: HeaderReader, target: RequestTarget) {
    this.#headers = headers;
    this.#target = target;
  }

  /**
   * Repeated header lines are joined with `, `, so a value that contains it may be two: it is ambiguous and null.
   */
  header(name: string): string | null {
    const value = this.#headers.get(name);
    return value === null || value === "" || value.includes(", ") ? null : value;
  }

  /** The raw value, quotes included. Repeated Cookie lines arrive joined with `; `. */
  cookie(name: string): string | null {
    this.#cookies ??= cookiesOf(this.#headers.get("cookie"));
    return this.#cookies.get(name) ?? null;
  }

  /** Name and value are percent-decoded once, `+` is a space; a value that is malformed or not UTF-8 is null. */
  param(name: string): string | null {
    this.#params ??= paramsOf(queryOf(withoutFragment(this.#target)));
    return this.#params.get(name) ?? null;
  }

  /** For people: the same, and whether it is null because nothing is there. */
  found(location: CredentialLocation): Found {
    const text = this[location.kind](location.name);
    if (text !== null) {
      return { text };
    }
    return this.#has(location) ? "ambiguous" : "absent";
  }

  /** After it was looked for: what is split is there. */
  #has({ kind, name }: CredentialLocation): boolean {
    switch (kind) {
      case "header":
        return this.#headers.get(name) !== null;
      case "cookie":
        return this.#cookies?.has(name) ?? false;
      case "param":
        return this.#params?.has(name) ?? false;
    }
  }
}

/** What may be believed under each name; null: nothing, for it is empty, malformed or there more than once. */
type Values = ReadonlyMap<string, string | null>;

const NO_VALUES: Values = new Map();

function cookiesOf(line: string | null): Values {
  if (line === null) {
    return NO_VALUES;
  }
  const values = new Map<string, string | null>();
  for (const pair of line.split(";")) {
    const name = exactName(pair);
    const shown = cookieName(pair);
    add(values, shown, name === shown ? trimmed(pair.slice(pair.indexOf("=") + 1)) : null);
  }
  return values;
}

function paramsOf(query: string): Values {
  if (query === "") {
    return NO_VALUES;
  }
  const values = new Map<string, string | null>();
  for (const pair of query.split("&")) {
    const name = paramName(pair);
    const equals = pair.indexOf("=");
    if (name !== null) {
      add(values, name, equals === -1 ? null : decoded(pair.slice(equals + 1)));
    }
  }
  return values;
}

function add(values: Map<string, string | null>, name: string, value: string | null): void {
  values.set(name, value === "" || values.has(name) ? null : value);
}

/**
 * The Cookie line without the pairs of the `removed` locations, and without what some programs read as one of the `sources` though
 * its name is another; all other bytes unchanged. Null when nothing is left.
 */
export function cookieWithout(
  line: string,
  removed: readonly CredentialLocation[],
  sources: readonly CredentialLocation[] = [],
): string | null {
  if (!removed.some(isCookie) && !sources.some(isCookie)) {
    return line;
  }
  const keys = sources.filter(isCookie).map(({ name }) => fieldKey(name));
  const readings = new CookieReadings(keys);
  const pairs = line.split(";");
  const kept = pairs.filter((pair) => {
    const name = exactName(pair);
    return (
      !names(removed, "cookie", visible(name)) &&
      (keys.length === 0 || names(sources, "cookie", name) || !readings.has(pair))
    );
  });
  if (kept.length === pairs.length) {
    return line;
  }
  const rest = trimmed(kept.join(";"));
  return rest === "" ? null : rest;
}

/** The target without the parameters of these locations, all other bytes unchanged; an emptied query goes with its `?`. */
export function targetWithout(
  target: RequestTarget,
  consumed: readonly CredentialLocation[],
): RequestTarget {
  if (!target.includes("?") || !consumed.some(isParam)) {
    return target;
  }
  const pairs = queryOf(target).split("&");
  const kept = pairs.filter((pair) => !names(consumed, "param", paramName(pair)));
  return joinTarget(pathOf(target), kept.join("&"));
}

/** As it came, without the white space around the pair; a pair without `=` has no name (RFC 6265 §5.2). */
function exactName(pair: string): string {
  const equals = pair.indexOf("=");
  if (equals === -1) {
    return "";
  }
  let start = 0;
  while (isBlank(pair.charCodeAt(start))) {
    start++;
  }
  return pair.slice(start, equals);
}

function cookieName(pair: string): string {
  return visible(exactName(pair));
}

/** Without the white space of HTTP around it (RFC 9110 §5.6.3): a no-break space is part of a name or value. */
function trimmed(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) {
    end--;
  }
  let start = 0;
  while (start < end && isBlank(text.charCodeAt(start))) {
    start++;
  }
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

function paramName(pair: string): string | null {
  const equals = pair.indexOf("=");
  return decoded(equals === -1 ? pair : pair.slice(0, equals));
}

function decoded(text: string): string | null {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) {
    return spaced;
  }
  try {
    return decodeURIComponent(spaced);
  } catch {
    return null;
  }
}

function isCookie(location: CredentialLocation): boolean {
  return location.kind === "cookie";
}

function isParam(location: CredentialLocation): boolean {
  return location.kind === "param";
}

function names(
  consumed: readonly CredentialLocation[],
  kind: CredentialLocation["kind"],
  name: string | null,
): boolean {
  return consumed.some((location) => location.kind === kind && location.name === name);
}
