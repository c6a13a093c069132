import { type AccessLog, NO_LINES } from "./access-log.ts";
import { aliasedTarget } from "./alias.ts";
import { trustedProxies, UNKNOWN_ADDRESS, unmapped } from "./client-address.ts";
import { RequestCredentials, requestTarget } from "./credential.ts";
import { CurlProgram, type CurlRefusal } from "./curl.ts";
import { Exchange, type ExchangeEnd, type ExchangeWatch } from "./exchange.ts";
import { type ChangeSource, Feed } from "./feed.ts";
import { type Forwarded, Forwarder, type ForwardFailure } from "./forward.ts";
import { HookRoutes } from "./hook-route.ts";
import { runHook } from "./hook-run.ts";
import { HopMarker } from "./hop-marker.ts";
import { hostParser } from "./host.ts";
import type { Inside } from "./inside.ts";
import { judge } from "./judge.ts";
import { type Live, LiveConnections } from "./live.ts";
import type { Log } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { isBuiltIn } from "./program-ports.ts";
import { RefusalLog } from "./refusal-log.ts";
import { type Denial, type RefusalReason, refuse } from "./refuse.ts";
import { requestId } from "./request-id.ts";
import { Snapshot } from "./snapshot.ts";
import { traceId } from "./trace-context.ts";

export interface ProxyOptions {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
  /** Containers are at `*.<server>.containers.<domain>`. */
  readonly domain: string;
  readonly serverName: string;
  /** CIDRs of peers whose word about the client is believed. */
  readonly trustedProxies: readonly string[];
  /** Default port of each kit program. */
  readonly programPorts: Readonly<Record<string, number>>;
  /** How long an upstream may take to begin its answer: 60,000 unless set. */
  readonly responseHeaderMs?: number;
  /** How long a connection may be silent between requests and while one comes in: 30 unless set, at most 255. */
  readonly idleS?: number;
  /** Whether a container may live at this address (canonical text). Asked when a container changes. */
  readonly mayDial: (address: string) => boolean;
  /** Whether one of our own listeners is there: it is never dialled. Asked for each request. */
  readonly isForbidden: (address: string, port: number) => boolean;
  readonly log: Log;
  /** 32 bytes that nothing else uses, the same for all proxies of an installation: signs what scripts of hooks call back with. */
  readonly hopKey: Uint8Array;
  /** Gets a line for each exchange; without one, refusals go to `log`, in measure. */
  readonly accessLog?: AccessLog | null;
}

export interface ProxyServer {
  readonly hostname: string;
  readonly port: number;
  /** The revision that is enforced. */
  revision(): bigint;
  /** Whether this revision is enforced within the time. */
  reached(revision: bigint, waitMs: number): Promise<boolean>;
  /** For the operators' eyes. */
  readonly metrics: Metrics;
  /** Takes no new connections and resolves when the open requests are done; with `abort` they are cut off. */
  stop(abort?: boolean): Promise<void>;
}

/** By which way a request came. */
interface Arrival {
  /** The socket peer, unmapped. */
  readonly peer: string;
  /** Null: no connection of its own, it was made here. */
  readonly server: Bun.Server<undefined> | null;
  readonly inside: Inside | null;
}

/** The runtime reads it once, from the environment it was started with. */
const FETCHES_MAX_VARIABLE = "BUN_CONFIG_MAX_HTTP_REQUESTS";
const RESPONSE_HEADER_MS = 60_000;
const IDLE_S = 30;

/**
 * Starts the data plane's plain HTTP edge. Resolves when it listens and has asked the source once; throws TypeError for
 * options that make no sense.
 */
export async function startProxy(
  options: ProxyOptions,
  source: ChangeSource,
): Promise<ProxyServer> {
  const { log, isForbidden, serverName, programPorts, mayDial, accessLog = null } = options;
  const parseHost = hostParser(serverName, options.domain);
  const trusted = trustedProxies(options.trustedProxies);
  const idleS = options.idleS ?? IDLE_S;
  const refusals = new RefusalLog(log);
  const empty = Snapshot.empty({ serverName, programPorts, mayDial, log });
  const feed = new Feed(source, empty, log, ({ projects, containers }) =>
    connections.changed(projects.map(idOf), containers.map(idOf)),
  );
  const connections = new LiveConnections(
    () => feed.current(),
    log,
    (reason) => metrics.revoked(reason),
  );
  const metrics = new Metrics({
    open: () => connections.size,
    revision: () => feed.current().revision,
    feedFailures: () => feed.failures,
    feedReadAtMs: () => feed.readAtMs,
    refusalLinesDropped: () => refusals.dropped,
    accessLines: () => accessLog ?? NO_LINES,
  });
  const watch: ExchangeWatch = {
    answered: (exchange) => metrics.answered(exchange),
    ended: (exchange) => {
      metrics.ended(exchange);
      (accessLog ?? refusals).ended(exchange);
    },
  };
  const forwarder = new Forwarder({
    responseHeaderMs: options.responseHeaderMs ?? RESPONSE_HEADER_MS,
    log,
  });

  const hooks = new HookRoutes(new HopMarker(options.hopKey), serverName, options.domain);

  const curl = new CurlProgram({
    parseHost,
    ports: () => [server.port ?? options.port],
    pass: (request, exchange, inside) =>
      pass(request, exchange, { peer: inside.peer, server: null, inside }),
    watch,
  });

  /** The whole path of a request: parseHost, judge (route, identify, decide), hook, forward or refuse. */
  function handle(request: Request, server: Bun.Server<undefined>): Promise<Response> {
    const peer = unmapped(server.requestIP(request)?.address ?? UNKNOWN_ADDRESS);
    const exchange = new Exchange(watch, requestId(), request.method, peer);
    return pass(request, exchange, { peer, server, inside: null });
  }

  async function pass(request: Request, exchange: Exchange, arrival: Arrival): Promise<Response> {
    const { peer, server, inside } = arrival;
    let live: Live | null = null;
    try {
      const { headers } = request;
      exchange.traceId = traceId(headers.get("traceparent"));
      if (request.method === "CONNECT" || request.method === "TRACE") {
        return refused(request, exchange, "method_not_allowed");
      }
      const asked = requestTarget(request.url);
      exchange.target = asked;
      if (asked === null || (isBodiless(request.method) && announcesBody(headers))) {
        return refused(request, exchange, "bad_request");
      }

      const host = parseHost(headers.get("host"));
      if (host.kind === "refused") {
        return refused(request, exchange, host.reason);
      }

      const client = inside?.client ?? trusted.client(peer, headers.get("x-forwarded-for"));
      exchange.client = client;
      const question = { host, presented: new RequestCredentials(request), client };
      const snapshot = feed.current();
      const judged = judge(snapshot, question, Date.now());
      const verdict = judged instanceof Promise ? await judged : judged;
      exchange.judged(question, verdict);
      if (!verdict.allow) {
        return refused(request, exchange, verdict.reason, verdict.denial);
      }

      const { route, alias } = verdict;
      const target = alias === null ? asked : aliasedTarget(alias, asked);
      if (target === null) {
        return refused(request, exchange, "unknown_host");
      }
      if (isForbidden(route.address.text, route.port)) {
        return refused(request, exchange, "no_upstream");
      }
      if (inside !== null && isBuiltIn(route)) {
        return refused(request, exchange, "curl_nested");
      }
      const scheme = inside?.scheme ?? "http";
      const peerTrusted = inside === null && trusted.trusts(peer);
      const { method } = request;
      const hooked =
        route.hooks.length === 0
          ? null
          : hooks.route(
              snapshot,
              verdict,
              { method, headers, asked, target, client, scheme, peerTrusted },
              Date.now(),
            );
      exchange.hookId = hooked === null ? null : hooked.hook.id;
      if (isWebSocketUpgrade(headers) && (hooked !== null || !isBuiltIn(route))) {
        return refused(request, exchange, hooked === null ? "upgrade_unsupported" : "hook_failed");
      }

      // A quiet stream may last; the limit belongs to the connection, which has to have it back.
      server?.timeout(request, 0);
      const going = connections.add(question, verdict, snapshot.revision);
      live = going;
      const ended = (how: ExchangeEnd) => {
        going.end();
        exchange.ended(going.revoked === null ? how : "revoked");
        server?.timeout(request, idleS);
      };
      const forwarded: Forwarded = {
        live: going,
        exchange,
        target,
        peer,
        peerTrusted,
        client,
        scheme,
        held: inside === null ? null : inside.body,
        inside,
        hooked: null,
        ended,
      };
      const program = (whole: Forwarded): Promise<Response | ForwardFailure | CurlRefusal> =>
        isBuiltIn(route) ? curl.answer(request, whole) : forwarder.forward(request, whole);
      const response =
        hooked === null
          ? await program(forwarded)
          : await runHook(request, {
              hooked,
              forwarded,
              script: (scripted) => forwarder.forward(request, scripted),
              program,
              isForbidden,
              ended: (outcome) => metrics.hookRan(outcome),
            });
      if (response instanceof Response) {
        exchange.passes(response.status);
        return response;
      }
      ended(request.signal.aborted ? "client_gone" : "broken");
      if (going.revoked !== null) {
        return refused(request, exchange, going.revoked.reason, going.revoked.denial);
      }
      return typeof response === "string"
        ? refused(request, exchange, response)
        : refused(request, exchange, response.reason, undefined, response.detail);
    } catch (error) {
      log.error({ requestId: exchange.requestId, err: error }, "request failed in the gate");
      live?.end();
      return refused(request, exchange, "internal_error");
    }
  }

  if (process.env[FETCHES_MAX_VARIABLE] === undefined) {
    log.warn(
      { variable: FETCHES_MAX_VARIABLE },
      "at most 256 requests are forwarded at a time unless this variable is set when the process starts",
    );
  }
  await feed.start();
  const server = Bun.serve({
    hostname: options.hostname,
    port: options.port,
    development: false,
    // Unless told, `development: false` shares the port with whoever else asks for it (seen in Bun 1.4.5).
    reusePort: false,
    idleTimeout: idleS,
    // Bodies are streamed, never kept: how large they may be is the upstream's affair.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch: handle,
    error(error) {
      log.error({ err: error }, "response failed in the gate");
      return refuse("internal_error", { requestId: requestId(), accept: null, hasBody: true });
    },
  });

  return {
    hostname: server.hostname ?? options.hostname,
    port: server.port ?? options.port,
    revision: () => feed.current().revision,
    reached: (revision, waitMs) => feed.reached(revision, waitMs),
    metrics,
    async stop(abort = false) {
      feed.stop();
      await server.stop(abort);
      forwarder.stop();
    },
  };
}

function idOf({ id }: { readonly id: string }): string {
  return id;
}

function refused(
  request: Request,
  exchange: Exchange,
  reason: RefusalReason,
  denial?: Denial,
  detail: string | null = null,
): Response {
  const { requestId } = exchange;
  const accept = request.headers.get("accept");
  const hasBody = announcesBody(request.headers);
  const response = refuse(reason, { requestId, accept, hasBody, detail }, denial);
  exchange.refused(reason, response.status);
  return response;
}

/** The runtime drops the body of such a request without a trace; forwarding it without would change its meaning. */
function isBodiless(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/** The runtime has checked the framing: one Content-Length or `chunked`, never both. */
function announcesBody(headers: Headers): boolean {
  const length = headers.get("content-length");
  return (length !== null && length !== "0") || headers.get("transfer-encoding") !== null;
}

/** Exactly one protocol; in any other case the header is dropped and the request is an ordinary one (RFC 9110 §7.8). */
function isWebSocketUpgrade(headers: Headers): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}
