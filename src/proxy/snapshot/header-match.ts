// Whether a request has a header field with a value, in any way that a common program may read it.
import type { HeaderReader } from "../routing/header-reader.ts";

/**
 * Of several lines of a field some programs read the first, some the last, some all joined. Programs behind CGI and WSGI read
 * `X_Foo` as `X-Foo` (RFC 3875 §4.1.18), others any character between letters and digits, and join them in either order. So
 * the value is looked for as a run of whole list elements: one line, or several, are such a run however they were joined.
 * `name`: in lower case.
 */
export function hasHeader(headers: HeaderReader, name: string, value: string): boolean {
  if (headers.get(name) === value) return true;
  const key = fieldKey(name);
  const separator = key === "cookie" ? /[,;]/ : ",";
  const wanted = elementsOf(value, separator);
  const groups: string[][] = [];
  headers.forEach((said, each) => {
    if (fieldKey(each) === key) groups.push(elementsOf(said, separator));
  });
  return hasRun(groups.flat(), wanted) || hasRun(groups.reverse().flat(), wanted);
}

/** The same for all names that a program may read as one. */
export function fieldKey(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "-");
}

function elementsOf(value: string, separator: string | RegExp): string[] {
  return value.split(separator).map((element) => element.trim());
}

function hasRun(elements: readonly string[], wanted: readonly string[]): boolean {
  for (let start = 0; start + wanted.length <= elements.length; start++) {
    if (wanted.every((element, i) => elements[start + i] === element)) return true;
  }
  return false;
}
