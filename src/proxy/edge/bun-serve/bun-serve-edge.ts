// The edge over Bun.serve: what the runtime does and needs with servers, responses and their headers is known here only.
import type { ArrivalBudget } from "../../../guard/arrival-budget.ts";
import { RELAY_SERVER_HOST, type ServerPeer } from "../../../guard/server-peer.ts";
import type { Log } from "../../../log.ts";
import type { Exchange } from "../../exchange/exchange.ts";
import { requestId } from "../../exchange/request-id.ts";
import { unmapped } from "../../gate/client-address.ts";
import { type Refusal, refusal } from "../../gate/refusal.ts";
import { pathWork } from "../../routing/path-variants.ts";
import type { Outcome, Upstream } from "../../upstream/upstream.ts";
import type { Edge, ListeningServer, Pipeline, RelayedClient, Serving } from "../edge.ts";
import { LINGERING_LIMITS } from "../lingering-limits.ts";
import { certificateScope, PLAIN_SCOPE } from "../tls/certificate-scope.ts";
import type { UpgradedConnection } from "../upgraded-connection.ts";
import { BunServeRequest } from "./bun-serve-request.ts";
import { Lingering } from "./lingering.ts";
import { refusalAsResponse } from "./refusal-as-response.ts";
import { webSocketHandler } from "./websocket-handler.ts";

export interface BunServeEdgeOptions {
  readonly pipeline: Pipeline;
  readonly upstream: Upstream<BunServeRequest, Response>;
  /** The domain of this server's containers, `local.containers.example.com`. */
  readonly parent: string;
  /** How long a connection may be silent between requests and while one arrives, in seconds: at most 255. */
  readonly idleS: number;
  /** `max-age` of Strict-Transport-Security on listeners with TLS, in seconds; null: the header is not sent. */
  readonly hstsMaxAgeS: number | null;
  /** Whether many clients come from this peer, as from a trusted proxy. */
  readonly isShared: (peer: string) => boolean;
  /** Shared by all listeners. */
  readonly arrivals: ArrivalBudget;
  readonly log: Log;
}

interface Arrival extends RelayedClient {
  readonly request: Request;
  readonly port: number;
  readonly server: Bun.Server<UpgradedConnection>;
}

interface ServerOptions {
  readonly hostname: string;
  readonly port: number;
  readonly reusePort: boolean;
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly http1?: boolean;
  readonly http2?: boolean;
  readonly fetch: (
    request: Request,
    server: Bun.Server<UpgradedConnection>,
  ) => Response | Promise<Response | undefined>;
}

export class BunServeEdge implements Edge {
  readonly #options: BunServeEdgeOptions;
  readonly #lingering: Lingering;
  lastRequestMs = Number.NEGATIVE_INFINITY;

  constructor(options: BunServeEdgeOptions) {
    this.#options = options;
    this.#lingering = new Lingering({ ...LINGERING_LIMITS, isShared: options.isShared });
  }

  open(hostname: string, serving: Serving, port: number, reusePort: boolean): ListeningServer {
    const { parent, hstsMaxAgeS } = this.#options;
    const { pair } = serving;
    const scope = pair === null ? PLAIN_SCOPE : certificateScope(pair, parent, hstsMaxAgeS);
    return this.#serveOn({
      hostname,
      port,
      ...(pair === null ? {} : { tls: { cert: pair.cert, key: pair.key }, http2: true }),
      // By default `development: false` shares the port with any process that asks for it (seen in Bun 1.4.5).
      reusePort,
      fetch: (request, server) => {
        const ip = server.requestIP(request);
        if (ip === null) return gone();
        const peer = unmapped(ip.address);
        return this.#arrived({ request, peer, port: ip.port, server, serving, scope });
      },
    });
  }

  /**
   * A server of HTTP/2 on loopback, in plain text. `clientOf`: the client whose connection reaches it from there; undefined:
   * somebody else's.
   */
  openBehind(clientOf: (peer: ServerPeer) => RelayedClient | undefined): ListeningServer {
    return this.#serveOn({
      hostname: RELAY_SERVER_HOST,
      port: 0,
      reusePort: false,
      http2: true,
      http1: false,
      fetch: (request, server) => {
        const ip = server.requestIP(request);
        const client = ip === null ? undefined : clientOf(ip);
        if (client === undefined || ip === null) return gone();
        const { peer, serving, scope } = client;
        return this.#arrived({ request, peer, port: ip.port, server, serving, scope });
      },
    });
  }

  #serveOn(options: ServerOptions): ListeningServer {
    const { idleS, log } = this.#options;
    return Bun.serve<UpgradedConnection>({
      ...options,
      development: false,
      idleTimeout: idleS,
      // Bodies are streamed, never kept: the upstream decides how long they may be.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      websocket: webSocketHandler,
      error(error) {
        log.error({ err: error }, "response failed in the gate");
        const request = { requestId: requestId(), accept: null, hasBody: true, origin: null };
        return refusalAsResponse(refusal("internal_error"), request);
      },
    });
  }

  /**
   * The runtime reads up to 512 KiB of a connection and calls us for every request in it before any other connection has its
   * turn. In plain text, closing the connection is what stops it. With TLS, where the requests may be streams of HTTP/2 that no
   * header can stop, those beyond the budget wait for a coming turn; what HTTP/1.1 pipelines behind one ends the connection.
   */
  #arrived(arrival: Arrival): Response | Promise<Response | undefined> {
    const { peer, port, serving } = arrival;
    const { arrivals } = this.#options;
    if (arrivals.take(peer, port)) return this.#serve(arrival, false);
    return serving.pair === null ? this.#serve(arrival, true) : this.#serveLater(arrival);
  }

  async #serveLater(arrival: Arrival): Promise<Response | undefined> {
    await this.#options.arrivals.wait(arrival.peer, arrival.port);
    return arrival.request.signal.aborted ? gone() : this.#serve(arrival, false);
  }

  /** Undefined: the connection was upgraded. `isLast`: the answer ends the connection. */
  async #serve(arrival: Arrival, isLast: boolean): Promise<Response | undefined> {
    const { request, peer, port, server, serving, scope } = arrival;
    this.lastRequestMs = performance.now();
    const { arrivals, pipeline, upstream, idleS } = this.#options;
    const client = new BunServeRequest(request, peer, server, scope, idleS);
    const exchange = pipeline.begin(client);
    const workBefore = pathWork.characters;
    const admitted = pipeline.admit(client, exchange);
    const work = pathWork.characters - workBefore;
    if (work > 0) arrivals.charge(peer, port, work);
    const admission = admitted instanceof Promise ? await admitted : admitted;
    const carried = { head: client, exchange, client, upstream, internal: null };
    const outcome = await pipeline.carryOut(admission, carried);
    return this.#responseOf(outcome, client, exchange, isLast || serving.leaving);
  }

  #responseOf(
    outcome: Outcome<Response>,
    client: BunServeRequest,
    exchange: Exchange,
    isLast: boolean,
  ): Response | undefined {
    if (outcome.kind === "handed_over") {
      return undefined;
    }
    const response =
      outcome.kind === "answered"
        ? outcome.reply
        : this.#refusedResponse(outcome, client, exchange);
    if (isLast) {
      response.headers.set("connection", "close");
    }
    const { transportSecurity } = client.listener;
    if (transportSecurity !== null) {
      response.headers.set("strict-transport-security", transportSecurity);
    }
    return response;
  }

  #refusedResponse(refused: Refusal, client: BunServeRequest, exchange: Exchange): Response {
    const { headers, hasBody, unreadBody, peer } = client;
    const { requestId, isReadable, named } = exchange;
    return refusalAsResponse(
      refused,
      {
        requestId,
        accept: headers.get("accept"),
        hasBody,
        origin: isReadable ? headers.get("origin") : null,
        named,
      },
      unreadBody === null
        ? undefined
        : (text) => this.#lingering.bodyOf(text, { body: unreadBody, peer }),
    );
  }
}

/** For a client that is gone: the runtime still goes through what it had sent. */
function gone(): Response {
  return new Response(null, { status: 503, headers: { connection: "close" } });
}
