// The edge over Bun.serve: what the runtime does and needs with servers, responses and their headers is known here only.
import type { Log } from "../../../log.ts";
import type { Exchange } from "../../exchange/exchange.ts";
import { requestId } from "../../exchange/request-id.ts";
import { refusal } from "../../gate/refusal.ts";
import type { ListenerScope } from "../../gate/request-head.ts";
import type { Outcome, Upstream } from "../../upstream/upstream.ts";
import type { Edge, ListeningServer, Pipeline, Serving } from "../edge.ts";
import { certificateScope, PLAIN_SCOPE } from "../tls/certificate-scope.ts";
import type { UpgradedConnection } from "../upgraded-connection.ts";
import { BunServeRequest } from "./bun-serve-request.ts";
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
  readonly log: Log;
}

export class BunServeEdge implements Edge {
  readonly #options: BunServeEdgeOptions;
  lastRequestMs = Number.NEGATIVE_INFINITY;

  constructor(options: BunServeEdgeOptions) {
    this.#options = options;
  }

  open(hostname: string, serving: Serving, port: number, reusePort: boolean): ListeningServer {
    const { parent, idleS, log } = this.#options;
    const { pair } = serving;
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
      fetch: (request, server) => this.#serve(request, server, serving, scope),
      websocket: webSocketHandler,
      error(error) {
        log.error({ err: error }, "response failed in the gate");
        const request = { requestId: requestId(), accept: null, hasBody: true, origin: null };
        return refusalAsResponse(refusal("internal_error"), request);
      },
    });
  }

  /** Undefined: the connection was upgraded. */
  async #serve(
    request: Request,
    server: Bun.Server<UpgradedConnection>,
    serving: Serving,
    scope: ListenerScope,
  ): Promise<Response | undefined> {
    this.lastRequestMs = performance.now();
    const { pipeline, upstream, idleS } = this.#options;
    const client = new BunServeRequest(request, server, scope, idleS);
    const exchange = pipeline.begin(client);
    const admitted = pipeline.admit(client, exchange);
    const admission = admitted instanceof Promise ? await admitted : admitted;
    const carried = { head: client, exchange, client, upstream, internal: null };
    const outcome = await pipeline.carryOut(admission, carried);
    return this.#responseOf(outcome, client, exchange, serving);
  }

  #responseOf(
    outcome: Outcome<Response>,
    client: BunServeRequest,
    exchange: Exchange,
    { leaving, pair }: Serving,
  ): Response | undefined {
    if (outcome.kind === "handed_over") {
      return undefined;
    }
    const response =
      outcome.kind === "answered"
        ? outcome.reply
        : refusalAsResponse(outcome, {
            requestId: exchange.requestId,
            accept: client.headers.get("accept"),
            hasBody: client.hasBody,
            origin: exchange.isReadable ? client.headers.get("origin") : null,
          });
    if (leaving) {
      response.headers.set("connection", "close");
    }
    const { hstsMaxAgeS } = this.#options;
    if (pair !== null && hstsMaxAgeS !== null) {
      response.headers.set("strict-transport-security", `max-age=${hstsMaxAgeS}`);
    }
    return response;
  }
}
