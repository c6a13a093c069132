// How a request may name another method or target than its own. Programs that listen carry out what was not decided.
import type { HeaderReader } from "./header-reader.ts";

/** Frameworks take the method of a request, mostly of POST, from one of these. */
export const METHOD_FIELDS = [
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
] as const;

/**
 * So do others from the parameter `_method` (Laravel, Symfony, method-override of Express). Older parsers separate by `;`, too. PHP
 * drops spaces before a name, reads `.`, `[` and spaces in it as `_`, and ends it at a NUL.
 */
const METHOD_PARAMETER =
  /(?:^|[&;+]|%20)(?:_|%5F|[.[+]|%2E|%5B|%20)(?:m|%6D)(?:e|%65)(?:t|%74)(?:h|%68)(?:o|%6F)(?:d|%64)(?:%00[^=&;]*)?=([^&;]*)/gi;

/** Others read a parameter that is called like the header field (Firebase, Gramex, ServiceStack), `_HttpMethod` (Salesforce), or `x-tunneled-method` (Plack, Catalyst). */
const PARAMETER = /(?:^|[&;])([^=&;]{6,96})=([^&;]*)/g;
const METHOD_PARAMETERS: ReadonlySet<string> = new Set([
  ...METHOD_FIELDS,
  "-httpmethod",
  "x-tunneled-method",
]);

/** Values of these parameters that are read one by one. */
const VALUES_MAX = 8;

/**
 * What proxies tell of the target that they were asked for, and some programs route by: the whole of it (CVE-2018-14773, Next.js), or
 * what is in front of the program's own part, which they take off the path (gunicorn reads `SCRIPT_NAME`; Flask's ReverseProxied and
 * Radicale, repoze.vhm, Plack). And `Proxy`, through which CGI programs would make requests of their own (CVE-2016-5385).
 */
export const TARGET_FIELDS = [
  "x-original-url",
  "x-rewrite-url",
  "x-envoy-original-path",
  "x-invoke-path",
  "x-matched-path",
  "script-name",
  "path-info",
  "x-script-name",
  "x-vhm-root",
  "x-traversal-path",
  "proxy",
] as const;
const TARGET_NAMES: ReadonlySet<string> = new Set(TARGET_FIELDS);
const METHOD_NAMES: ReadonlySet<string> = new Set(METHOD_FIELDS);

/**
 * All that header fields and the query say of another method than the request's own, in upper case; null when they say nothing.
 * Linear in their length. `query`: without its `?`.
 */
export function methodOverrides(headers: HeaderReader, query: string): string | null {
  let said = "";
  for (const name of METHOD_FIELDS) {
    const value = headers.get(name);
    if (value !== null) {
      said += `,${value}`;
    }
  }
  if (query !== "") {
    said += parameterValues(query);
  }
  return said === "" ? null : said.toUpperCase();
}

/** Whether `overrides` has this method among others: of a list, some take the first, some the last. `method`: in upper case. */
export function overridesName(overrides: string, method: string): boolean {
  if (method === "") {
    return false;
  }
  for (let at = overrides.indexOf(method); at !== -1; at = overrides.indexOf(method, at + 1)) {
    if (!isLetter(overrides, at - 1) && !isLetter(overrides, at + method.length)) {
      return true;
    }
  }
  return false;
}

/** Whether this field names a target. `name`: in lower case. */
export function isTargetField(name: string): boolean {
  return TARGET_NAMES.has(name);
}

/** Whether this field names a method. `name`: in lower case. */
export function isMethodField(name: string): boolean {
  return METHOD_NAMES.has(name);
}

/** Values after the first few are searched together with all that follows: one too many is safe, and costs less than each. */
function parameterValues(query: string): string {
  let values = "";
  let count = 0;
  for (const { index, 1: value = "" } of query.matchAll(METHOD_PARAMETER)) {
    if (++count > VALUES_MAX) {
      return `${values},${decoded(query.slice(index))}`;
    }
    values += `,${decoded(value)}`;
  }
  for (const { index, 1: name = "", 2: value = "" } of query.matchAll(PARAMETER)) {
    if (!METHOD_PARAMETERS.has(foldedName(name))) {
      continue;
    }
    if (++count > VALUES_MAX) {
      return `${values},${decoded(query.slice(index))}`;
    }
    values += `,${decoded(value)}`;
  }
  return values;
}

function foldedName(name: string): string {
  return decoded(name)
    .replace(/^[+ ]+/, "")
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "-");
}

function isLetter(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 65 && code <= 90;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
