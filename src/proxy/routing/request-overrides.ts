// How a request may name another method or target than its own. Programs that listen carry out what was not decided.
import type { HeaderReader } from "./header-reader.ts";
import { queryOf, type RequestTarget } from "./request-target.ts";

/** Frameworks take the method of a request, mostly of POST, from one of these. */
const METHOD_FIELDS = ["x-http-method-override", "x-http-method", "x-method-override"] as const;

/** So do others from a parameter with this name (Laravel, Symfony, method-override of Express). */
const METHOD_PARAMETER = "_method";

/** Rewriting proxies tell the target that they were asked for, and some frameworks route by it (CVE-2018-14773). */
const TARGET_FIELDS: ReadonlySet<string> = new Set(["x-original-url", "x-rewrite-url"]);

/** The methods that header fields and the query name beside the request's own, in upper case. */
export function namedMethods(headers: HeaderReader, query: string): readonly string[] {
  const values = METHOD_FIELDS.map((name) => headers.get(name) ?? "");
  if (query !== "") {
    values.push(...methodParameters(query));
  }
  return values.flatMap(methodsIn);
}

/** Whether a request says in any way that it is of another method. `target` null: none was received. */
export function namesMethod(headers: HeaderReader, target: RequestTarget | null): boolean {
  return namedMethods(headers, target === null ? "" : queryOf(target)).length > 0;
}

/** Whether this field names a target. `name`: in lower case. */
export function isTargetField(name: string): boolean {
  return TARGET_FIELDS.has(name);
}

/** Whether this field names a method. `name`: in lower case. */
export function isMethodField(name: string): boolean {
  return (METHOD_FIELDS as readonly string[]).includes(name);
}

/** Some take the first of a list, some the last. */
function methodsIn(value: string): string[] {
  const names = value.split(",").map((name) => name.trim().toUpperCase());
  return names.filter((name) => name !== "");
}

/** Older parsers separate parameters by `;`, too. */
function methodParameters(query: string): string[] {
  const parameters = [...new URLSearchParams(query.replaceAll(";", "&"))];
  return parameters.flatMap(([name, value]) => (isMethodParameter(name) ? [value] : []));
}

/** PHP drops spaces before a name and reads `.`, `[` and spaces in it as `_`. */
function isMethodParameter(name: string): boolean {
  return name.trimStart().replace(/[. []/g, "_") === METHOD_PARAMETER;
}
