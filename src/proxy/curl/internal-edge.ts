// The edge of requests that the gate makes itself: no connection, no listener; otherwise admitted and carried out like any other.
import { refusalAsResponse } from "../edge/bun-serve/refusal-as-response.ts";
import type { Pipeline } from "../edge/edge.ts";
import type { ActiveExchange, ClientConnection } from "../exchange/active-exchange.ts";
import type { Exchange } from "../exchange/exchange.ts";
import type { InternalRequest } from "../exchange/internal-request.ts";
import type { RequestHead } from "../gate/request-head.ts";
import type { RequestTarget } from "../routing/request-target.ts";
import type { ClientRequest } from "../upstream/request-body.ts";
import type { Upstream } from "../upstream/upstream.ts";

/** Stands for the client's connection. It has no idle limit; the caller may drop the request. */
export class InternalClient implements ClientConnection {
  readonly request: ClientRequest;
  #active: ActiveExchange | null = null;
  #dropped = false;

  constructor(method: string, headers: Headers) {
    this.request = { method, headers, body: null };
  }

  /** The response is no longer wanted. */
  drop(): void {
    this.#dropped = true;
    this.#active?.clientGone();
  }

  exchangeBegan(active: ActiveExchange): void {
    this.#active = active;
    if (this.#dropped) {
      active.clientGone();
    }
  }

  exchangeEnded(): void {
    this.#active = null;
  }
}

export interface InternalEdge {
  /** The response, or the refusal as one. Never rejects. */
  pass(
    client: InternalClient,
    target: RequestTarget,
    exchange: Exchange,
    internal: InternalRequest,
  ): Promise<Response>;
}

export function internalEdge(
  pipeline: Pipeline,
  upstream: Upstream<InternalClient, Response>,
): InternalEdge {
  return {
    async pass(client, target, exchange, internal) {
      const head = headOf(client.request, target, internal);
      const admission = await pipeline.admit(head, exchange);
      const carried = { head, exchange, client, upstream, internal };
      const outcome = await pipeline.carryOut(admission, carried);
      switch (outcome.kind) {
        case "answered":
          return outcome.reply;
        case "handed_over":
          throw new Error("an internal request has no connection to hand over");
        case "refused": {
          const { requestId } = exchange;
          const accept = head.headers.get("accept");
          return refusalAsResponse(outcome, {
            requestId,
            accept,
            hasBody: head.hasBody,
            origin: null,
          });
        }
      }
    },
  };
}

function headOf(
  { method, headers }: ClientRequest,
  target: RequestTarget,
  { peer, client, scheme, body }: InternalRequest,
): RequestHead {
  return {
    method,
    target,
    host: headers.get("host"),
    headers,
    isWellFormed: true,
    hasBody: body !== null && body.byteLength > 0,
    upgrade: "none",
    peer,
    listener: { scheme, serves: () => true, transportSecurity: null },
    kept: null,
    onBehalfOf: client,
  };
}
