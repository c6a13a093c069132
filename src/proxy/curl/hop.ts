// One request of a call of the curl program, and what comes after a redirect.

import { Exchange, type ExchangeEnd, type ExchangeWatch } from "../exchange/exchange.ts";
import { HOP_HEADER } from "../hooks/bypass-token.ts";
import type { Forwarded } from "../upstream/fetch-upstream.ts";
import type { CurlCall } from "./call.ts";
import type { Inside } from "./internal-request.ts";
import type { GatePlaces, GateUrl } from "./url.ts";

/** An answer that is kept whole, to be told as JSON. */
const ANSWER_BYTES_MAX = 1_048_576;

export interface CurlOptions extends GatePlaces {
  /** The whole path of a request through the gate, whoever makes it. Never rejects. */
  readonly pass: (request: Request, exchange: Exchange, inside: Inside) => Promise<Response>;
  readonly watch: ExchangeWatch;
}

/** One request of a call. */
export interface Step {
  readonly url: GateUrl;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | null;
}

/** What a hop came to, and when it is over. */
export interface Hop {
  readonly response: Response;
  readonly exchange: Exchange;
  readonly over: Promise<ExchangeEnd>;
  /** Nobody will look at its body. */
  drop(): void;
}

/** Makes it, as if it had come first from the client of the call. Over as soon as the call is, or `late` goes off. */
export async function makeHop(
  request: Request,
  { live, peer, client, exchange: outer }: Forwarded,
  form: CurlCall["form"],
  { url, method, headers: given, body }: Step,
  late: AbortSignal,
  { watch, pass }: CurlOptions,
): Promise<Hop> {
  const headers = new Headers(given);
  passAlong(headers, request.headers, outer.traceId, form);
  headers.set("host", url.host);
  if (body !== null) {
    headers.set("content-length", String(body.byteLength));
  }
  const abort = new AbortController();
  const drop = () => abort.abort();
  for (const signal of [request.signal, late]) {
    signal.addEventListener("abort", drop, { once: true });
    if (signal.aborted) {
      drop();
    }
  }
  const inner = new Request(`http://gate${url.target}`, {
    method,
    headers,
    body,
    signal: abort.signal,
  });
  const { promise: over, resolve } = Promise.withResolvers<ExchangeEnd>();
  const exchange = new Exchange(
    {
      answered: (told) => watch.answered(told),
      ended: (told) => {
        watch.ended(told);
        resolve(told.end ?? "broken");
      },
    },
    outer.requestId,
    method,
    client,
  );
  const wholeBytesMax = form === "json" ? ANSWER_BYTES_MAX : null;
  const { scheme } = url;
  const inside: Inside = { live, peer, client, scheme, body, wholeBytesMax };
  const response = await pass(inner, exchange, inside);
  return { response, exchange, over, drop };
}

/** RFC 9110 §15.4. What was given for one host is not for another, be it this one's neighbour. */
export function nextStep(
  { url, method, headers, body }: Step,
  next: GateUrl,
  status: number,
): Step {
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

/** Whatever it resolves to is read again, strictly. */
export function resolved(location: string, base: string): string {
  try {
    return new URL(location, base).href;
  } catch {
    return "";
  }
}

/** What the answer looks like is the reader's affair; who the reader is is not: no cookie and no authorization goes along. */
function passAlong(
  headers: Headers,
  outer: Headers,
  traceId: string | null,
  form: CurlCall["form"],
): void {
  const names = [HOP_HEADER];
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
