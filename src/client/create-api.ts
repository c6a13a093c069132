// The table of operations → methods. What a call is made of is said here once for all of them.
import type { CallOptions } from "./call-options.ts";
import { ApiError } from "./errors.ts";
import type { Api } from "./gen/api.ts";
import { operations } from "./gen/operations.ts";
import type { Answer, HttpClient, HttpRequest } from "./http.ts";
import { iteratorName, type Operation, type Operations } from "./operation.ts";
import { writtenFrom } from "./write-from-answer.ts";

/** Entries that an iterator fetches at a time: what the server allows at most. */
const pageEntries = 100;
/** Attempts of a write whose version we fetched ourselves; each one that is refused had somebody else's write before it. */
const writeAttemptsMax = 5;

/** Every operation over this transport. */
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

/** The arguments: what the path names; the body, or what a GET is asked; the options. */
function argumentsOf(operation: Operation, given: readonly unknown[]): Arguments {
  const { path, count } = filled(operation.path, given);
  const rest = given.slice(count);
  const query = operation.verb === "GET" ? rest.shift() : undefined;
  const body = operation.takesBody ? rest.shift() : undefined;
  const options = (rest[0] ?? {}) as CallOptions;
  const asked = { ...(query ?? {}), ...options.query } as HttpRequest["query"];
  return { path, body, query: asked, options };
}

/** Throws TypeError for what would lead to another path: nothing at all, or a step up. */
function filled(template: string, values: readonly unknown[]): { path: string; count: number } {
  let count = 0;
  const path = template.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[count++];
    if (typeof value !== "string" || value === "" || value === "." || value === "..") {
      throw new TypeError(`${name} must be a text that names something`);
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

/** A part can be written into whatever became of the rest; a whole document would take away what somebody just wrote. */
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
 * Where a document's version is read, the first that the caller may: of containers the settings, which carry no credentials,
 * before the document, which those may read who may write it.
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

interface PagedData {
  readonly pagination: { readonly totalPages: number };
}

/** Entries that come or go meanwhile may be missed or seen twice, as with any pages. */
async function* pages(
  http: HttpClient,
  operation: Operation,
  given: readonly unknown[],
): AsyncGenerator<unknown> {
  const { path, query, options } = argumentsOf(operation, given);
  const first = Number(query?.page ?? 1);
  for (let page = first; ; page++) {
    const asked = { limit: pageEntries, ...query, page };
    const answer = await http.request<PagedData & Readonly<Record<string, unknown>>>({
      method: operation.verb,
      path,
      query: asked,
      signal: options.signal,
    });
    const { pagination, [operation.pages ?? ""]: entries } = answer.data;
    if (!Array.isArray(entries) || entries.length === 0) return;
    yield* entries;
    if (page >= pagination.totalPages) return;
  }
}
