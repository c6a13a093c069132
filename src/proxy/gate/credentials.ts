import type { CredentialLocation } from "../../policy/credential-location.ts";
import type { Found } from "../../policy/explain-group.ts";
import type { PresentedCredentials } from "../../policy/identify.ts";

/**
 * What a request presents, looked up on demand and never verified. A credential that is absent, empty or present more than
 * once is null: of two values neither is believed.
 */
export class RequestCredentials implements PresentedCredentials {
  readonly #headers: Headers;
  readonly #url: string;
  /** Split at most once a request, however many names are asked for. */
  #cookies: Values | undefined;
  #params: Values | undefined;

  constructor(request: Request) {
    this.#headers = request.headers;
    this.#url = request.url;
  }

  /**
   * The runtime joins repeated header lines with `, `, so a value that contains it may be two: it is ambiguous and null.
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
    this.#params ??= paramsOf(rawQuery(this.#url));
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
        return this.#headers.has(name);
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
    add(values, cookieName(pair), pair.slice(pair.indexOf("=") + 1).trim());
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

/** The Cookie line without the pairs of these locations, all other bytes unchanged; null when nothing is left. */
export function cookieWithout(line: string, spent: readonly CredentialLocation[]): string | null {
  if (!spent.some(isCookie)) {
    return line;
  }
  const kept = line.split(";").filter((pair) => !names(spent, "cookie", cookieName(pair)));
  const rest = kept.join(";").trim();
  return rest === "" ? null : rest;
}

/** The path and query without the parameters of these locations, all other bytes unchanged; an emptied query goes with its `?`. */
export function targetWithout(target: string, spent: readonly CredentialLocation[]): string {
  const question = target.indexOf("?");
  if (question === -1 || !spent.some(isParam)) {
    return target;
  }
  const query = target.slice(question + 1);
  const kept = query.split("&").filter((pair) => !names(spent, "param", paramName(pair)));
  const rest = kept.join("&");
  return rest === "" ? target.slice(0, question) : `${target.slice(0, question)}?${rest}`;
}

/** The path and query of a request, `#` and what follows left out. Begins with `/`; null when there is no path. */
export function requestTarget(url: string): string | null {
  // A well-formed Host gives `http://host/…`; what the runtime could not combine with the Host is the path alone.
  const path = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  if (path === -1) {
    return null;
  }
  const fragment = url.indexOf("#", path);
  return fragment === -1 ? url.slice(path) : url.slice(path, fragment);
}

function rawQuery(url: string): string {
  const fragment = url.indexOf("#");
  const end = fragment === -1 ? url.length : fragment;
  const question = url.indexOf("?");
  return question === -1 || question >= end ? "" : url.slice(question + 1, end);
}

/** Exact, without the white space around the pair; a pair without `=` has no name (RFC 6265 §5.2). */
function cookieName(pair: string): string {
  const equals = pair.indexOf("=");
  return equals === -1 ? "" : pair.slice(0, equals).trimStart();
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
  spent: readonly CredentialLocation[],
  kind: CredentialLocation["kind"],
  name: string | null,
): boolean {
  return spent.some((location) => location.kind === kind && location.name === name);
}
