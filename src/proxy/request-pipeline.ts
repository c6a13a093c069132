// The way of a request through the gate, from its Host to its upstream.

import type { Log } from "../log.ts";
import { CurlProgram, type CurlRefusal } from "./curl/curl.ts";
import type { Inside } from "./curl/internal-request.ts";
import { type Edge, PLAIN_EDGE } from "./edge/edge.ts";
import type { Live, LiveConnections } from "./exchange/active-exchanges.ts";
import { Exchange, type ExchangeEnd, type ExchangeWatch } from "./exchange/exchange.ts";
import { requestId } from "./exchange/request-id.ts";
import { traceId } from "./exchange/trace-context.ts";
import { judge } from "./gate/authorize.ts";
import { type TrustedProxies, UNKNOWN_ADDRESS, unmapped } from "./gate/client-address.ts";
import { RequestCredentials, requestTarget } from "./gate/credentials.ts";
import { type Denial, type RefusalReason, refuse } from "./gate/refusal.ts";
import type { HookRoutes } from "./hooks/hook-route.ts";
import { type HookOutcome, runHook } from "./hooks/hook-run.ts";
import { aliasedTarget } from "./routing/alias.ts";
import type { HostName } from "./routing/host.ts";
import { isBuiltIn } from "./routing/program-ports.ts";
import type { Snapshot } from "./snapshot/snapshot.ts";
import type { Relay } from "./upgrade/relay.ts";
import type { Upgrader } from "./upgrade/upgrader.ts";
import { upgradeWish } from "./upgrade/websocket-request.ts";
import type { Forwarded, Forwarder, ForwardFailure } from "./upstream/fetch-upstream.ts";
import { hasTwoLengths } from "./upstream/framing.ts";

export interface RequestPathOptions {
  readonly parseHost: (header: string | null) => HostName;
  readonly trusted: TrustedProxies;
  /** The latest snapshot. */
  readonly current: () => Snapshot;
  readonly connections: LiveConnections;
  readonly hooks: HookRoutes;
  readonly forwarder: Forwarder;
  readonly upgrader: Upgrader;
  /** Where we listen: what a call of the `curl` program may name. */
  readonly ports: () => readonly number[];
  /** Whether one of our own listeners is there. */
  readonly isForbidden: (address: string, port: number) => boolean;
  /** How long a connection may be silent between requests, in seconds. */
  readonly idleS: number;
  /** How many exchanges may go on at a time. */
  readonly exchangesMax: number;
  /** How long a body may take that has to be here before anybody is asked, in milliseconds. */
  readonly heldBodyMs: number;
  readonly watch: ExchangeWatch;
  /** Told how the run of a hook ended. */
  readonly hookRan: (outcome: HookOutcome) => void;
  readonly log: Log;
}

/** Undefined: the connection was upgraded. Never rejects. */
export type Handle = (
  request: Request,
  server: Bun.Server<Relay>,
  edge: Edge,
) => Promise<Response | undefined>;

/** By which way a request came. */
interface Arrival {
  /** The socket peer, unmapped. */
  readonly peer: string;
  /** Null: no connection of its own, it was made here. */
  readonly server: Bun.Server<Relay> | null;
  readonly edge: Edge;
  readonly inside: Inside | null;
}

export function requestPath(options: RequestPathOptions): Handle {
  const { parseHost, trusted, connections, hooks, forwarder, upgrader } = options;
  const { isForbidden, idleS, exchangesMax, heldBodyMs, watch, log } = options;
  const curl = new CurlProgram({
    parseHost,
    ports: options.ports,
    async pass(request, exchange, inside) {
      const arrival = { peer: inside.peer, server: null, edge: PLAIN_EDGE, inside };
      const response = await pass(request, exchange, arrival);
      if (response === undefined) {
        throw new Error("a call without a connection cannot be upgraded");
      }
      return response;
    },
    watch,
  });

  /**
   * The whole path of a request: parseHost, judge (route, identify, decide), hook, forward, upgrade or refuse. Undefined: the
   * connection was upgraded.
   */
  async function pass(
    request: Request,
    exchange: Exchange,
    arrival: Arrival,
  ): Promise<Response | undefined> {
    const { peer, server, edge, inside } = arrival;
    let going: Live | null = null;
    try {
      const { headers } = request;
      exchange.traceId = traceId(headers.get("traceparent"));
      if (request.method === "CONNECT" || request.method === "TRACE") {
        return refused(request, exchange, "method_not_allowed");
      }
      const asked = requestTarget(request.url);
      exchange.target = asked;
      if (asked === null || hasTwoLengths(headers) || hasLostBody(request)) {
        return refused(request, exchange, "bad_request");
      }

      const host = parseHost(headers.get("host"));
      if (!edge.serves(host, headers.get("host"))) {
        return refused(request, exchange, "misdirected");
      }
      if (host.kind === "refused") {
        return refused(request, exchange, host.reason);
      }

      const client = inside?.client ?? trusted.client(peer, headers.get("x-forwarded-for"));
      exchange.client = client;
      const question = { host, presented: new RequestCredentials(request), client };
      const snapshot = options.current();
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
      // What goes on has no end but its own: unlike idle connections it has to be counted.
      if (!connections.hasRoom(verdict.host.container, exchangesMax)) {
        return refused(request, exchange, "overloaded");
      }
      if (inside !== null && isBuiltIn(route)) {
        return refused(request, exchange, "curl_nested");
      }
      const wish = server === null ? "none" : upgradeWish(request.method, headers);
      if (wish === "bad_upgrade" || wish === "websocket_version") {
        return refused(request, exchange, wish);
      }
      if (wish === "none" && route.program === "ssh") {
        return refused(request, exchange, "upgrade_required");
      }
      const scheme = inside?.scheme ?? edge.scheme;
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

      // A quiet stream may last; the limit belongs to the connection, which has to have it back.
      server?.timeout(request, 0);
      const live = connections.add(question, verdict, snapshot.revision);
      going = live;
      const ended = (how: ExchangeEnd) => {
        live.end();
        exchange.ended(live.revoked === null ? how : "revoked");
        server?.timeout(request, idleS);
      };
      const forwarded: Forwarded = {
        live,
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
      const ask = (whole: Forwarded): Promise<Response | undefined | ForwardFailure> =>
        server !== null && wish === "websocket"
          ? upgrader.upgrade(request, server, whole)
          : forwarder.forward(request, whole);
      const program = (
        whole: Forwarded,
      ): Promise<Response | undefined | ForwardFailure | CurlRefusal> =>
        isBuiltIn(route) ? curl.answer(request, whole) : ask(whole);
      const response =
        hooked === null
          ? await program(forwarded)
          : await runHook(request, {
              hooked,
              forwarded,
              script: ask,
              program,
              isForbidden,
              ended: options.hookRan,
              heldBodyMs,
            });
      if (response === undefined) {
        return undefined;
      }
      if (response instanceof Response) {
        exchange.passes(response.status);
        return response;
      }
      ended(request.signal.aborted ? "client_gone" : "broken");
      if (live.revoked !== null) {
        return refused(request, exchange, live.revoked.reason, live.revoked.denial);
      }
      return typeof response === "string"
        ? refused(request, exchange, response)
        : refused(request, exchange, response.reason, undefined, response.detail);
    } catch (error) {
      log.error({ requestId: exchange.requestId, err: error }, "request failed in the gate");
      going?.end();
      return refused(request, exchange, "internal_error");
    }
  }

  return (request, server, edge) => {
    const peer = unmapped(server.requestIP(request)?.address ?? UNKNOWN_ADDRESS);
    const exchange = new Exchange(watch, requestId(), request.method, peer);
    return pass(request, exchange, { peer, server, edge, inside: null });
  };
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
function hasLostBody({ method, headers }: Request): boolean {
  return (method === "GET" || method === "HEAD") && announcesBody(headers);
}

/** The runtime has checked the framing: one Content-Length or `chunked`, never both. */
function announcesBody(headers: Headers): boolean {
  const length = headers.get("content-length");
  return (length !== null && length !== "0") || headers.get("transfer-encoding") !== null;
}
