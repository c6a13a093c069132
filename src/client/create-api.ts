// Table of operations → methods. All methods build their request the same way.
import type { CallOptions } from "./call-options.ts";
import { ApiError } from "./errors.ts";
import type { Api } from "./gen/api.ts";
import { operations } from "./gen/operations.ts";
import type { Answer, HttpClient, HttpRequest } from "./http.ts";
import { cursorAfter } from "./next-cursor.ts";
import { iteratorName, type Operation, type Operations } from "./operation.ts";
import { writtenFrom } from "./write-from-answer.ts";

/** Page size of iterators: the server's maximum. */
const pageEntries = 100;
/** Attempts of a write whose version we fetched ourselves; another writer won each refused attempt. */
const writeAttemptsMax = 5;

/** Makes every operation callable over this transport. */
export function createApi(http: HttpClient): Api {
  const groups = Object.entries(operations as Operations).map(([group, members]) => {
    const methods = Object.entries(members).flatMap(([name, operation]) => {
      const call = async (...given: unknown[]) =>
        run(http, operation, argumentsOf(operation, given));
      const methods: [string, unknown][] = [[name, call]];
      if (operation.pages !== null) {
        const iterate = (...given: unknown[]) => pages(http, operation, given);
        methods.push([iteratorName(name), iterate]);
      }
      return methods;
    });
    return [group, Object.freeze(Object.fromEntries(methods))];
  });
  // The table and its types come from one generator; a test calls every method.
  return Object.freeze(Object.fromEntries(groups)) as Api;
}

interface Arguments {
  readonly path: string;
  readonly body: unknown;
  readonly query: HttpRequest["query"];
  readonly options: CallOptions;
}

/** Order of arguments: path variables; the body, or the query of a GET; the options. */
function argumentsOf(operation: Operation, given: readonly unknown[]): Arguments {
  const { path, count } = filled(operation.path, given);
  const rest = given.slice(count);
  const query = operation.verb === "GET" ? rest.shift() : undefined;
  const body = operation.takesBody ? rest.shift() : undefined;
  const options = (rest[0] ?? {}) as CallOptions;
  const asked = { ...(query ?? {}), ...options.query } as HttpRequest["query"];
  return { path, body, query: asked, options };
}

/** Throws TypeError for a value that would change the path: an empty text, `.` or `..`. */
function filled(template: string, values: readonly unknown[]): { path: string; count: number } {
  let count = 0;
  const path = template.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[count++];
    if (typeof value !== "string" || value === "" || value === "." || value === "..") {
      throw new TypeError(`${name} must be a non-empty text other than . and ..`);
    }
    return encodeURIComponent(value);
  });
  return { path, count };
}

async function run(
  http: HttpClient,
  operation: Operation,
  { path, body, query, options }: Arguments,
): Promise<Answer<unknown>> {
  const request = { method: operation.verb, path, query, signal: options.signal };
  if (!operation.versioned) return http.request({ ...request, body });
  const written = writtenFrom(body);
  const write = (ifMatch: string) => http.request({ ...request, body: written.body, ifMatch });
  const version = options.ifMatch ?? written.version;
  if (version !== null && version !== "latest") return write(version);
  const fetched = async () => write(await presentVersion(http, path, options.signal));
  return isWhole(path) ? fetched() : persistently(fetched);
}

/** Retries a stale write of a part of a document. A whole document is not retried: it would undo another writer's change. */
async function persistently(write: () => Promise<Answer<unknown>>): Promise<Answer<unknown>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await write();
    } catch (failure) {
      const isStale = failure instanceof ApiError && failure.code === "PRECONDITION_FAILED";
      if (!isStale || attempt === writeAttemptsMax) throw failure;
    }
  }
}

function isWhole(path: string): boolean {
  return path.endsWith("/proxy/permissions");
}

/**
 * Paths that return a document's version, in the order tried: a container's settings first, as they carry no credentials, then
 * the documents, which only callers who may write them can read.
 */
const versionPaths: readonly string[] = [
  operations.proxySettings.get.path,
  operations.proxyPermissionsContainer.get.path,
  operations.proxyPermissionsProject.get.path,
];

async function presentVersion(
  http: HttpClient,
  of: string,
  signal: CallOptions["signal"],
): Promise<string> {
  const [, collection, id = ""] = /^\/api\/v1\/([^/]+)\/([^/]+)\//.exec(of) ?? [];
  const paths = versionPaths.filter((path) => path.startsWith(`/api/v1/${collection}/`));
  for (const [index, template] of paths.entries()) {
    try {
      const path = template.replace("{id}", id);
      const { etag } = await http.request({ method: "GET", path, signal });
      if (etag !== undefined) return etag;
    } catch (failure) {
      const mayNot = failure instanceof ApiError && failure.code === "INSUFFICIENT_PERMISSIONS";
      if (!mayNot || index === paths.length - 1) throw failure;
    }
  }
  throw new TypeError(`the server names no version of ${of}`);
}

/**
 * Reads by cursor: entries that come or go meanwhile make it neither skip nor repeat others. A page may be short, or empty, and not
 * be the last.
 */
async function* pages(
  http: HttpClient,
  operation: Operation,
  given: readonly unknown[],
): AsyncGenerator<unknown> {
  const { path, query, options } = argumentsOf(operation, given);
  const { page, cursor: begin = "", ...filters } = query ?? {};
  let cursor: typeof begin | undefined = begin;
  let start = { page };
  while (cursor !== undefined) {
    const answer: Answer<Readonly<Record<string, unknown>>> = await http.request({
      method: operation.verb,
      path,
      query: { limit: pageEntries, ...filters, ...start, cursor },
      signal: options.signal,
    });
    const { data } = answer;
    const entries: unknown = Array.isArray(data) ? data : data[operation.pages ?? ""];
    if (!Array.isArray(entries)) return;
    yield* entries;
    cursor = cursorAfter(answer, entries.length, cursor);
    start = { page: undefined };
  }
}
