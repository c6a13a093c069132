// The REST listener, behind a relay that guards it: route → dispatch (which reads the message) → response.
import { randomBytes } from "node:crypto";
import type { DescService } from "@bufbuild/protobuf";
import type { Dispatch } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import type { PeerTrust } from "../guard/peer-trust.ts";
import { RelayListener, type RelayTls } from "../guard/relay-listener.ts";
import { RELAY_SERVER_HOST } from "../guard/server-peer.ts";
import { cameThroughGate, PROGRAM_FIELD } from "../guard/through-gate.ts";
import type { Log } from "../log.ts";
import { docsPages, isDocsPath } from "./openapi/docs-page.ts";
import { openapiDocument } from "./openapi/document.ts";
import { pageDocument } from "./openapi/page-document.ts";
import { documentPaths, publish } from "./openapi/publish.ts";
import { type RestLimits, restLimits } from "./rest-limits.ts";
import { bindingsOf, realmFilter } from "./routing/http-rule.ts";
import { allowedHeaders } from "./routing/preflight.ts";
import { type Match, RouteTrie } from "./routing/route-trie.ts";
import { answer, failure } from "./transcoding/answer.ts";
import type { Pace } from "./transcoding/bounded-body.ts";
import { readRequest } from "./transcoding/read-request.ts";

interface RestOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Certificates and their key as PEM; plain text when unset. */
  readonly tls?: RelayTls | null;
  readonly services: readonly DescService[];
  /** The installation's domain; `localhost` when unset. */
  readonly domain?: string;
  readonly dispatch: Dispatch;
  /** Whose `X-Forwarded-For` is believed. */
  readonly proxies: PeerTrust;
  readonly limits?: Partial<RestLimits>;
  readonly log: Pick<Log, "error">;
}

export interface RestServer {
  readonly hostname: string;
  readonly port: number;
  /** Where the server behind the relay listens, on loopback. */
  readonly innerPort: number;
  /** New connections get this certificate. Only with TLS from the start; throws when it cannot be listened with. */
  replaceTls(tls: RelayTls): void;
  /** Stops listening and waits for running calls. */
  stop(): Promise<void>;
}

/** Poll interval for running calls during a stop. */
const pollMs = 10;

/** Starts the listener. Throws when bindings conflict or the address is in use. */
export function startRest(options: RestOptions): RestServer {
  const limits = { ...restLimits, ...options.limits };
  // The relay needs the server's port, and the server asks the relay who calls.
  let relay: RelayListener | null = null;
  const server = serveApi(options, limits, {
    clientOf: (peer) => relay?.clientOf(peer),
    refuseRest: (peer) => relay?.refuseRest(peer),
  });
  const innerPort = server.port ?? 0;
  try {
    relay = new RelayListener({
      hostname: options.hostname,
      port: options.port,
      tls: options.tls ?? null,
      alpn: ["http/1.1"],
      serverPort: innerPort,
      limits: { ...limits, isShared: options.proxies.trusts },
    });
  } catch (error) {
    void server.stop(true);
    throw error;
  }
  const { hostname, port } = relay;
  return {
    hostname,
    port,
    innerPort,
    replaceTls: (tls) => relay?.replaceTls(tls),
    async stop() {
      relay?.stopAccepting();
      void server.stop();
      // `stop()` alone would also wait for idle connections.
      while (server.pendingRequests > 0) await Bun.sleep(pollMs);
      await server.stop(true);
      await relay?.ended(limits.flushMs);
      relay?.close();
    },
  };
}

function serveApi(
  options: RestOptions,
  limits: RestLimits,
  relay: Pick<RelayListener, "clientOf" | "refuseRest">,
): Bun.Server<undefined> {
  const bindings = bindingsOf(options.services);
  const { domain = "localhost" } = options;
  const document = () => openapiDocument(bindings, domain);
  const api: RestApi = {
    routes: new RouteTrie(bindings),
    dispatch: options.dispatch,
    document: publish(document),
    docs: docsPages(() => pageDocument(document())),
    pace: limits,
  };
  return Bun.serve({
    hostname: RELAY_SERVER_HOST,
    port: 0,
    development: false,
    // With `development: false`, Bun 1.4.5 shares the port by default: another process could receive part of the calls.
    reusePort: false,
    // readRequest limits the body, so that the refusal has the envelope.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    idleTimeout: limits.idleS,
    fetch: async (request, server) => {
      const from = server.requestIP(request);
      const peer = from === null ? undefined : relay.clientOf(from);
      if (from === null || peer === undefined) return notThroughRelay();
      const isThroughGate = cameThroughGate(arrived(request.headers, peer), domain);
      const requestId = randomBytes(12).toString("hex");
      const forwardedFor = request.headers.get("x-forwarded-for");
      const address = options.proxies.client(peer, forwardedFor);
      const answering = isThroughGate
        ? Promise.resolve(failure({ code: ErrorCode.INVALID_HOST }))
        : handle(api, request, requestId, address);
      const response = await answering.catch((error) => {
        options.log.error({ err: error, requestId }, "an answer failed");
        return failure({ code: ErrorCode.INTERNAL_ERROR });
      });
      // Close the connection so that an unread body is not parsed as the next request.
      if (hasUnreadBody(request, response)) {
        response.headers.set("Connection", "close");
        relay.refuseRest(from);
      }
      response.headers.set("X-Request-Id", requestId);
      allowAnyOrigin(response.headers);
      return response;
    },
    error: () => failure({ code: ErrorCode.INTERNAL_ERROR }),
  });
}

function arrived(headers: Headers, peer: string) {
  const hosts = [headers.get("host"), headers.get("x-forwarded-host")];
  return { program: headers.get(PROGRAM_FIELD), hosts, peer };
}

/** To those that connect to the server itself, and for requests that are left when their client is gone. */
function notThroughRelay(): Response {
  return new Response(null, { status: 403, headers: { Connection: "close" } });
}

/** Not read, or given up: it was too large (413) or too slow (408). */
function hasUnreadBody(request: Request, { status }: Response): boolean {
  return request.body !== null && (!request.bodyUsed || status === 413 || status === 408);
}

interface RestApi {
  readonly routes: RouteTrie;
  readonly dispatch: Dispatch;
  /** Serves the OpenAPI document. */
  readonly document: (request: Request) => Response;
  /** Serves the documentation page. */
  readonly docs: (path: string, request: Request) => Response;
  readonly pace: Pace;
}

async function handle(
  api: RestApi,
  request: Request,
  requestId: string,
  clientAddress: string,
): Promise<Response> {
  if (!URL.canParse(request.url)) return failure({ code: ErrorCode.INVALID_HOST });
  const url = new URL(request.url);
  const path = withoutSlash(url.pathname);
  if (path === "/" && (request.method === "GET" || request.method === "HEAD")) return toDocs();
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
    hasBody: request.body !== null,
    message: (measure) =>
      readRequest(binding, variables, url.searchParams, request, api.pace, measure),
  });
  return answer(binding, reply, flagsOf(url.searchParams));
}

/** For people who open the API in a browser. */
function toDocs(): Response {
  return new Response(null, { status: 302, headers: { Location: "/docs" } });
}

/** Names of the parameters whose value is `true`. */
function flagsOf(query: URLSearchParams): ReadonlySet<string> {
  return new Set([...query].flatMap(([name, value]) => (value === "true" ? [name] : [])));
}

/** The realm filter; null when it is repeated, which readRequest refuses. */
function filterOf(query: URLSearchParams): string | null {
  const filters = query.getAll(realmFilter);
  return filters.length === 1 ? (filters[0] ?? null) : null;
}

/** Ignores one trailing slash. */
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
  const asked = request.headers.get("access-control-request-headers");
  response.headers.set("Access-Control-Allow-Headers", allowedHeaders(asked));
  response.headers.set("Vary", "Access-Control-Request-Headers");
  response.headers.set("Access-Control-Max-Age", "600");
  return response;
}

/** Any origin may call the API: credentials are in headers, never in cookies. */
function allowAnyOrigin(headers: Headers): void {
  headers.set("Access-Control-Allow-Origin", "*");
  headers.set(
    "Access-Control-Expose-Headers",
    "ETag, Retry-After, X-Realmgate-Revision, X-Request-Id",
  );
}
