// The REST listener: match → dispatch (which reads the message) → answer.
import { randomBytes } from "node:crypto";
import type { DescService } from "@bufbuild/protobuf";
import type { Dispatch } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { docsPages, isDocsPath } from "./openapi/docs-page.ts";
import { openapiDocument } from "./openapi/document.ts";
import { documentPaths, publish } from "./openapi/publish.ts";
import { bindingsOf, realmFilter } from "./routing/http-rule.ts";
import { type Match, RouteTrie } from "./routing/route-trie.ts";
import { answer, failure } from "./transcoding/answer.ts";
import { readRequest } from "./transcoding/read-request.ts";

export interface RestOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Certificates and their key as PEM; plain text when unset. */
  readonly tls?: { readonly cert: string; readonly key: string } | null;
  readonly services: readonly DescService[];
  /** The installation's domain, as the documentation of the API names it; `localhost` when unset. */
  readonly domain?: string;
  readonly dispatch: Dispatch;
  /** Who the client is, from the socket's peer and its X-Forwarded-For. */
  readonly clientAddress: (peer: string, forwardedFor: string | null) => string;
  readonly log: { error(fields: object, message: string): void };
}

export interface RestServer {
  readonly hostname: string;
  readonly port: number;
  /** Stops listening and waits for running calls. */
  stop(): Promise<void>;
}

/** Between requests, and while a request is read, in seconds. */
const idleS = 30;
/** How often it is looked whether the last call is done. */
const lookMs = 10;

/** Starts the listener. Throws when the services' bindings contradict each other or the address is taken. */
export function startRest(options: RestOptions): RestServer {
  const bindings = bindingsOf(options.services);
  const api: Api = {
    routes: new RouteTrie(bindings),
    dispatch: options.dispatch,
    document: publish(() => openapiDocument(bindings, options.domain ?? "localhost")),
    docs: docsPages(),
  };
  const { cert, key } = options.tls ?? {};
  const server = Bun.serve({
    hostname: options.hostname,
    port: options.port,
    ...(cert === undefined || key === undefined ? {} : { tls: { cert, key } }),
    development: false,
    // Unless told, `development: false` shares the port with whoever else asks for it (seen in Bun 1.4.5).
    reusePort: false,
    // Bodies are bounded where they are read, so that the answer has the envelope.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    idleTimeout: idleS,
    fetch: async (request, server) => {
      const requestId = randomBytes(12).toString("hex");
      const peer = server.requestIP(request)?.address ?? "";
      const address = options.clientAddress(peer, request.headers.get("x-forwarded-for"));
      const response = await handle(api, request, requestId, address).catch((error) => {
        options.log.error({ err: error, requestId }, "an answer failed");
        return failure({ code: ErrorCode.INTERNAL_ERROR });
      });
      // What is left of a refused body must not be taken for the next request.
      if (request.body !== null && !request.bodyUsed) response.headers.set("Connection", "close");
      response.headers.set("X-Request-Id", requestId);
      allowAnyOrigin(response.headers);
      return response;
    },
    error: () => failure({ code: ErrorCode.INTERNAL_ERROR }),
  });
  return {
    hostname: server.hostname ?? options.hostname,
    port: server.port ?? options.port,
    async stop() {
      void server.stop();
      // Connections that never asked for anything would be waited for, too.
      while (server.pendingRequests > 0) await Bun.sleep(lookMs);
      await server.stop(true);
    },
  };
}

interface Api {
  readonly routes: RouteTrie;
  readonly dispatch: Dispatch;
  /** Answers with the OpenAPI document. */
  readonly document: (request: Request) => Response;
  /** Answers with what shows it. */
  readonly docs: (path: string, request: Request) => Response;
}

async function handle(
  api: Api,
  request: Request,
  requestId: string,
  clientAddress: string,
): Promise<Response> {
  if (!URL.canParse(request.url)) return failure({ code: ErrorCode.INVALID_HOST });
  const url = new URL(request.url);
  const path = withoutSlash(url.pathname);
  if (documentPaths.has(path) || isDocsPath(path)) {
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (!isRead) return wrongMethod(request, ["GET"]);
    return isDocsPath(path) ? api.docs(path, request) : api.document(request);
  }
  const segments = pathSegments(path);
  const match: Match =
    segments === null ? { kind: "unknown" } : api.routes.match(request.method, segments);
  if (match.kind === "unknown") {
    return failure({ code: ErrorCode.ROUTE_NOT_FOUND });
  }
  if (match.kind === "wrong_method") return wrongMethod(request, match.allowed);
  const { binding, variables } = match;
  const reply = await api.dispatch({
    method: binding.method,
    credential: request.headers.get("authorization"),
    authority: request.headers.get("host"),
    realmId: null,
    realmFilter: filterOf(url.searchParams),
    ifMatch: request.headers.get("if-match"),
    clientAddress,
    requestId,
    message: () => readRequest(binding, variables, url.searchParams, request),
  });
  return answer(binding, reply, flagsOf(url.searchParams));
}

/** The parameters that say `true`. */
function flagsOf(query: URLSearchParams): ReadonlySet<string> {
  return new Set([...query].flatMap(([name, value]) => (value === "true" ? [name] : [])));
}

/** The realm filter; said twice it is none, and the message is refused for it. */
function filterOf(query: URLSearchParams): string | null {
  const filters = query.getAll(realmFilter);
  return filters.length === 1 ? (filters[0] ?? null) : null;
}

/** One trailing slash is as none. */
function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** Decoded segments of a path. Null when one cannot be decoded. */
function pathSegments(path: string): string[] | null {
  try {
    return path.slice(1).split("/").map(decodeURIComponent);
  } catch {
    return null;
  }
}

function wrongMethod(request: Request, allowed: readonly string[]): Response {
  const response =
    request.method === "OPTIONS"
      ? new Response(null, { status: 204 })
      : failure({ code: ErrorCode.METHOD_NOT_ALLOWED });
  const methods = [...allowed, ...(allowed.includes("GET") ? ["HEAD"] : []), "OPTIONS"].join(", ");
  response.headers.set("Allow", methods);
  response.headers.set("Access-Control-Allow-Methods", methods);
  response.headers.set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match");
  response.headers.set("Access-Control-Max-Age", "600");
  return response;
}

/** The API is called with credentials in headers, never with cookies: any origin may call it. */
function allowAnyOrigin(headers: Headers): void {
  headers.set("Access-Control-Allow-Origin", "*");
  headers.set(
    "Access-Control-Expose-Headers",
    "ETag, Retry-After, X-Realmgate-Revision, X-Request-Id",
  );
}
