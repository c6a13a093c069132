// One request of a call of the curl program, and what comes after a redirect.

import { Exchange, type ExchangeEnd, type ExchangeWatch } from "../exchange/exchange.ts";
import type { InternalRequest } from "../exchange/internal-request.ts";
import { BYPASS_HEADER } from "../hooks/bypass-token.ts";
import type { ClientRequest } from "../upstream/request-body.ts";
import type { ForwardedRequest } from "../upstream/upstream.ts";
import type { CurlCall } from "./call.ts";
import { InternalClient, type InternalEdge } from "./internal-edge.ts";
import type { GatePlaces, GateUrl } from "./url.ts";

/** The largest response that is read as a whole and returned as JSON, in bytes. */
export const ANSWER_BYTES_MAX = 1_048_576;

export interface CurlOptions extends GatePlaces {
  readonly edge: InternalEdge;
  readonly watch: ExchangeWatch;
}

/** One request of a call. */
export interface HopStep {
  readonly url: GateUrl;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | null;
}

/** The response to a hop, and when the hop is over. */
export interface Hop {
  readonly response: Response;
  readonly exchange: Exchange;
  readonly over: Promise<ExchangeEnd>;
  /** Its body is not wanted. */
  drop(): void;
}

/** Makes it, as if it had arrived from the client of the call. It stops with the call, or when `late` goes off. */
export async function makeHop(
  request: ClientRequest,
  { active, admitted, head }: ForwardedRequest,
  form: CurlCall["form"],
  { url, method, headers: given, body }: HopStep,
  late: AbortSignal,
  { watch, edge }: CurlOptions,
): Promise<Hop> {
  const outer = active.exchange;
  const { client } = admitted;
  const headers = new Headers(given);
  passAlong(headers, request.headers, outer.traceId, form);
  headers.set("host", url.host);
  if (body !== null) {
    headers.set("content-length", String(body.byteLength));
  }
  const hopClient = new InternalClient(method, headers);
  const drop = () => hopClient.drop();
  late.addEventListener("abort", drop, { once: true });
  if (late.aborted) {
    drop();
  }
  const { promise: over, resolve } = Promise.withResolvers<ExchangeEnd>();
  const exchange = new Exchange(
    {
      answered: (inner) => watch.answered(inner),
      ended: (inner) => {
        watch.ended(inner);
        resolve(inner.end ?? "broken");
      },
    },
    outer.requestId,
    method,
    client,
  );
  const internal: InternalRequest = {
    caller: active,
    peer: head.peer,
    client,
    scheme: url.scheme,
    body,
    wholeBytesMax: form === "json" ? ANSWER_BYTES_MAX : null,
  };
  const response = await edge.pass(hopClient, url.target, exchange, internal);
  return { response, exchange, over, drop };
}

/** The request after a redirect (RFC 9110 §15.4). Header fields given for one host are not sent to another. */
export function nextStep(
  { url, method, headers, body }: HopStep,
  next: GateUrl,
  status: number,
): HopStep {
  const isGet =
    (status === 303 && method !== "HEAD") ||
    ((status === 301 || status === 302) && method === "POST");
  const kept = next.host === url.host ? new Headers(headers) : new Headers();
  const type = headers.get("content-type");
  if (isGet) {
    kept.delete("content-type");
  } else if (type !== null) {
    kept.set("content-type", type);
  }
  return {
    url: next,
    method: isGet ? "GET" : method,
    headers: kept,
    body: isGet ? null : body,
  };
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export function redirectOf({ status, headers }: Response): string | null {
  return REDIRECTS.has(status) ? headers.get("location") : null;
}

/** The result is parsed again, strictly, by `gateUrl`. */
export function resolved(location: string, base: string): string {
  try {
    return new URL(location, base).href;
  } catch {
    return "";
  }
}

/** The caller's preferences about the response go along; the caller's credentials (cookies, authorization) do not. */
function passAlong(
  headers: Headers,
  outer: Headers,
  traceId: string | null,
  form: CurlCall["form"],
): void {
  const names = [BYPASS_HEADER];
  if (traceId !== null) {
    names.push("traceparent", "tracestate");
  }
  if (form === "transparent") {
    names.push("accept", "accept-language", "accept-encoding");
  }
  for (const name of names) {
    const value = outer.get(name);
    if (value !== null && !headers.has(name)) {
      headers.set(name, value);
    }
  }
}
