// The edge over Bun.serve: what the runtime does and needs with servers, responses and their headers is known here only.
import type { ArrivalBudget } from "../../../guard/arrival-budget.ts";
import type { Log } from "../../../log.ts";
import type { Exchange } from "../../exchange/exchange.ts";
import { requestId } from "../../exchange/request-id.ts";
import { unmapped } from "../../gate/client-address.ts";
import { type Refusal, refusal } from "../../gate/refusal.ts";
import type { ListenerScope } from "../../gate/request-head.ts";
import type { Outcome, Upstream } from "../../upstream/upstream.ts";
import type { Edge, ListeningServer, Pipeline, Serving } from "../edge.ts";
import { LINGERING_LIMITS } from "../lingering-limits.ts";
import { certificateScope, PLAIN_SCOPE } from "../tls/certificate-scope.ts";
import type { UpgradedConnection } from "../upgraded-connection.ts";
import { BunServeRequest } from "./bun-serve-request.ts";
import { Lingering } from "./lingering.ts";
import { ReceiveWindows } from "./receive-windows.ts";
import { refusalAsResponse } from "./refusal-as-response.ts";
import { type SocketCalls, socketCalls } from "./socket-calls.ts";
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

/**
 * A client keeps at most 256 streams open: 192 of them beyond the budget at once take 2 ms to put off. 32 KiB of HEADERS are some
 * 1,400 streams, and a narrow connection still uploads that much in a round trip. With less, loopback's packets do not fit.
 */
const WINDOWS = {
  slowMs: 15,
  slowTurnsMax: 2,
  narrowBytes: 16 * 1024,
  wideBytes: 4 * 1024 * 1024,
  narrowMs: 10_000,
} as const;

/** For a client that is gone. */
const CLOSED = { status: 503, headers: { connection: "close" } };

export class BunServeEdge implements Edge {
  readonly #options: BunServeEdgeOptions;
  readonly #lingering: Lingering;
  readonly #windows: ReceiveWindows;
  /** Not said yet: connections that flood cannot be narrowed. */
  #lacksCalls: boolean;
  lastRequestMs = Number.NEGATIVE_INFINITY;

  /** `calls`: null where the system has none. */
  constructor(options: BunServeEdgeOptions, calls: SocketCalls | null = socketCalls()) {
    this.#options = options;
    this.#windows = new ReceiveWindows(WINDOWS, calls);
    this.#lacksCalls = calls === null;
    this.#lingering = new Lingering({ ...LINGERING_LIMITS, isShared: options.isShared });
  }

  open(hostname: string, serving: Serving, port: number, reusePort: boolean): ListeningServer {
    const { parent, idleS, log } = this.#options;
    const { pair } = serving;
    if (pair !== null && this.#lacksCalls) {
      this.#lacksCalls = false;
      log.warn(
        {},
        "no calls on sockets here (Linux with glibc or musl has them): an HTTP/2 connection that floods is not slowed down",
      );
    }
    const scope = pair === null ? PLAIN_SCOPE : certificateScope(pair, parent);
    return Bun.serve<UpgradedConnection>({
      hostname,
      port,
      ...(pair === null ? {} : { tls: { cert: pair.cert, key: pair.key }, http2: true }),
      development: false,
      // By default `development: false` shares the port with any process that asks for it (seen in Bun 1.4.5).
      reusePort,
      idleTimeout: idleS,
      // Bodies are streamed, never kept: the upstream decides how long they may be.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request, server) => this.#arrived(request, server, serving, scope),
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
   * header can stop, those beyond the budget wait for a coming turn; what HTTP/1.1 pipelines behind one ends the connection. A
   * connection that goes on like that is read in small pieces, see `ReceiveWindows`.
   */
  #arrived(
    request: Request,
    server: Bun.Server<UpgradedConnection>,
    serving: Serving,
    scope: ListenerScope,
  ): Response | Promise<Response | undefined> {
    const ip = server.requestIP(request);
    // The client is gone; the runtime still goes through what it had sent.
    if (ip === null) return new Response(null, CLOSED);
    const peer = unmapped(ip.address);
    const { arrivals } = this.#options;
    if (arrivals.take(peer, ip.port)) {
      return this.#serve(request, peer, server, serving, scope, false);
    }
    if (serving.pair === null) return this.#serve(request, peer, server, serving, scope, true);
    if (!this.#options.isShared(peer)) this.#windows.exceeded(peer, ip.port, server.port ?? 0);
    return this.#serveLater(request, peer, ip.port, server, serving, scope);
  }

  async #serveLater(
    request: Request,
    peer: string,
    port: number,
    server: Bun.Server<UpgradedConnection>,
    serving: Serving,
    scope: ListenerScope,
  ): Promise<Response | undefined> {
    await this.#options.arrivals.wait(peer, port);
    if (request.signal.aborted) return new Response(null, CLOSED);
    return this.#serve(request, peer, server, serving, scope, false);
  }

  /** Undefined: the connection was upgraded. `isLast`: the answer ends the connection. */
  async #serve(
    request: Request,
    peer: string,
    server: Bun.Server<UpgradedConnection>,
    serving: Serving,
    scope: ListenerScope,
    isLast: boolean,
  ): Promise<Response | undefined> {
    this.lastRequestMs = performance.now();
    const { pipeline, upstream, idleS } = this.#options;
    const client = new BunServeRequest(request, peer, server, scope, idleS);
    const exchange = pipeline.begin(client);
    const admitted = pipeline.admit(client, exchange);
    const admission = admitted instanceof Promise ? await admitted : admitted;
    const carried = { head: client, exchange, client, upstream, internal: null };
    const outcome = await pipeline.carryOut(admission, carried);
    return this.#responseOf(outcome, client, exchange, serving, isLast || serving.leaving);
  }

  #responseOf(
    outcome: Outcome<Response>,
    client: BunServeRequest,
    exchange: Exchange,
    { pair }: Serving,
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
    const { hstsMaxAgeS } = this.#options;
    if (pair !== null && hstsMaxAgeS !== null) {
      response.headers.set("strict-transport-security", `max-age=${hstsMaxAgeS}`);
    }
    return response;
  }

  #refusedResponse(refused: Refusal, client: BunServeRequest, exchange: Exchange): Response {
    const { headers, hasBody, unreadBody, peer } = client;
    const { requestId, isReadable } = exchange;
    return refusalAsResponse(
      refused,
      {
        requestId,
        accept: headers.get("accept"),
        hasBody,
        origin: isReadable ? headers.get("origin") : null,
      },
      unreadBody === null
        ? undefined
        : (text) => this.#lingering.bodyOf(text, { body: unreadBody, peer }),
    );
  }
}
