// How an admitted request is carried out, whatever carries it: the seam between the pipeline, edges and upstreams.
import type { ActiveExchange, ClientConnection } from "../exchange/active-exchange.ts";
import type { InternalRequest } from "../exchange/internal-request.ts";
import type { Admitted } from "../gate/admission.ts";
import { type Refusal, type RefusalReason, refusal } from "../gate/refusal.ts";
import type { RequestHead } from "../gate/request-head.ts";
import type { UpstreamAddress } from "../routing/upstream-address.ts";

/** An admitted request on its way to its upstream. */
export interface ForwardedRequest {
  /** Holds the latest authorization, and the signal that stops the attempt. An upstream calls its `end` with the response. */
  readonly active: ActiveExchange;
  readonly head: RequestHead;
  readonly admitted: Admitted;
  /** The body where it has arrived as a whole; null: it comes with the request, if there is one. */
  readonly held: Uint8Array<ArrayBuffer> | null;
  /** Not null: the gate makes this request itself. */
  readonly internal: InternalRequest | null;
  /** Not null: it goes there instead of to its program. */
  readonly detour: Detour | null;
}

/** Another destination than the program's, on plain HTTP. */
export interface Detour {
  readonly address: UpstreamAddress;
  readonly port: number;
  /** Path and query. */
  readonly target: string;
  /** Set after all others. Names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** How long until the response begins, in milliseconds. */
  readonly timeoutMs: number;
}

/** How the body of a response is passed on. */
export interface ResponseBodyOptions {
  /**
   * Its signal stops the body: when it is revoked the client's connection is reset, however slowly the client reads; the client
   * may also go away without ever reading the body. Counts the bytes, and ends with the body.
   */
  readonly active: ActiveExchange;
  /** Its length in bytes as the upstream said it; null: it did not. */
  readonly length: number | null;
  /** Closes the upstream's connection. */
  readonly cutOffUpstream: () => void;
  /** Where it comes from; null: it stops by itself when it is not read. */
  readonly source: BodySource | null;
}

/** What reads the body of a response from its upstream. */
export interface BodySource {
  /** Bytes that it has read, and that are not taken yet. */
  readonly waitingBytes: number;
  /** Reads no more, whatever is asked for. */
  suspend(): void;
  resume(): void;
}

/** Passes the body of an upstream's response on to the client, in the way that the edge needs. */
export type ResponseBody = (
  body: ReadableStream<Uint8Array>,
  options: ResponseBodyOptions,
) => ReadableStream<Uint8Array>;

/** What the pipeline reads of a response, in whatever form an edge sends it. */
export interface Reply {
  readonly status: number;
  readonly headers: { delete(name: string): void };
}

/** What became of a request. */
export type Outcome<R extends Reply> = Answered<R> | HandedOver | Refusal;

/** This response goes to the client. The upstream ends the exchange when the body is sent. */
export interface Answered<R extends Reply> {
  readonly kind: "answered";
  readonly reply: R;
  /** Null: it has none. An edge that cannot send trailers leaves them out. */
  readonly trailers: TrailerSection | null;
}

/** The trailers of a response, which are known when its body has ended. */
export interface TrailerSection {
  /** Those that may go to a client. Null: none have come. */
  lines: Headers | null;
}

/** The connection was handed over (an upgrade, or two sockets joined): its new owner answers, and ends the exchange. */
export interface HandedOver {
  readonly kind: "handed_over";
}

export const HANDED_OVER: HandedOver = { kind: "handed_over" };

export function answered<R extends Reply>(
  reply: R,
  trailers: TrailerSection | null = null,
): Answered<R> {
  return { kind: "answered", reply, trailers };
}

/** Refusals of upstreams without a detail. */
export function failed(
  reason: Extract<RefusalReason, "upstream_unreachable" | "upstream_timeout" | "answer_too_large">,
): Refusal {
  return refusal(reason);
}

/**
 * A request body that was to be held so that it can be sent twice: the bytes; `none`: there is no body; `unheld`: it is too
 * long to hold; `broken`: it is malformed, or did not come whole; `late`: it did not arrive in time, or the exchange was stopped.
 */
export type HeldBody = Uint8Array<ArrayBuffer> | "none" | "unheld" | "broken" | "late";

/**
 * Reaches programs for one kind of edge. `C`: the edge's side of a request; `R`: the responses that it can send. Methods may
 * throw or reject: the pipeline answers with an internal error and ends the exchange.
 */
export interface Upstream<C extends ClientConnection, R extends Reply> {
  /** Forwards the request. A plain value where it need not wait: a promise costs some 5 % of a request's CPU. */
  forward(client: C, forwarded: ForwardedRequest): Outcome<R> | Promise<Outcome<R>>;
  /** Asks the upstream for a WebSocket, and joins the client's connection to it if it agrees. */
  upgrade(client: C, forwarded: ForwardedRequest): Outcome<R> | Promise<Outcome<R>>;
  /** Answers as the built-in program (`curl`, `logs`) that it asks for. */
  answerBuiltIn(client: C, forwarded: ForwardedRequest): Outcome<R> | Promise<Outcome<R>>;
  /** Holds a short body, for at most `limitMs` milliseconds. */
  holdBody(client: C, forwarded: ForwardedRequest, limitMs: number): Promise<HeldBody>;
}
