// The built-in curl program: a link, or a JSON body, becomes a request that goes through this gate like any client's.
import { boundedBody } from "./bounded-body.ts";
import { targetWithout } from "./credential.ts";
import { jsonAnswer, transparentAnswer } from "./curl-answer.ts";
import { isEmbedded } from "./curl-browser.ts";
import { type CurlCall, type ParsedCall, parseCall } from "./curl-call.ts";
import { jsonParameters, queryParameters } from "./curl-parameters.ts";
import { type GatePlaces, type GateUrl, gateUrl } from "./curl-url.ts";
import { Exchange, type ExchangeEnd, type ExchangeWatch } from "./exchange.ts";
import type { Forwarded } from "./forward.ts";
import { HOP_HEADER } from "./hop-marker.ts";
import type { Inside } from "./inside.ts";
import type { RefusalReason } from "./refuse.ts";

/** A JSON body of a call. */
const REQUEST_BYTES_MAX = 262_144;
/** How long it may take to come. */
const REQUEST_MS = 30_000;
/** An answer that is kept whole, to be told as JSON. */
export const answerBytesMax = 1_048_576;
/** Calls whose answers are kept whole, at a time: of one container, and of all. */
const KEPT_A_CONTAINER_MAX = 8;
const KEPT_MAX = 64;
const REDIRECTS_MAX = 5;

/** A reason to refuse, and what may be said of it besides. */
export interface CurlRefusal {
  readonly reason: RefusalReason;
  readonly detail: string | null;
}

export interface CurlOptions extends GatePlaces {
  /** The whole path of a request through the gate, whoever makes it. Never rejects. */
  readonly pass: (request: Request, exchange: Exchange, inside: Inside) => Promise<Response>;
  readonly watch: ExchangeWatch;
}

/** Default forms of the routes by method; nothing else is here. */
const ROUTES: ReadonlyMap<string, Readonly<Record<string, CurlCall["form"]>>> = new Map([
  ["/proxy", { GET: "transparent", POST: "transparent" }],
  ["/api/v1/curl/request", { GET: "json", POST: "transparent" }],
]);

/** What a hop came to, and when it is over. */
interface Hop {
  readonly response: Response;
  readonly exchange: Exchange;
  readonly over: Promise<ExchangeEnd>;
  /** Nobody will look at its body. */
  drop(): void;
}

export class CurlProgram {
  readonly #options: CurlOptions;
  readonly #kept = new Map<string, number>();
  #keptInAll = 0;

  constructor(options: CurlOptions) {
    this.#options = options;
  }

  /** The answer of an allowed request for this program; or why there is none. */
  async answer(request: Request, forwarded: Forwarded): Promise<Response | CurlRefusal> {
    const { live } = forwarded;
    const target = targetWithout(forwarded.target, live.allowed.spent);
    const question = target.indexOf("?");
    const route = ROUTES.get(question === -1 ? target : target.slice(0, question));
    const form = route?.[request.method];
    if (form === undefined) {
      return refusal(route === undefined ? "curl_no_route" : "curl_method");
    }
    if (isEmbedded(request.headers)) {
      return refusal("curl_embedded");
    }
    const query = question === -1 ? "" : target.slice(question + 1);
    const parsed = await parsedCall(request, forwarded, query, form);
    if (!("ok" in parsed)) {
      return parsed;
    }
    if (!parsed.ok) {
      return refusal("curl_bad_call", parsed.problem);
    }
    const { call } = parsed;
    if (call.form === "transparent") {
      return this.#made(request, forwarded, call);
    }
    const { container } = live.allowed.host;
    const kept = this.#kept.get(container) ?? 0;
    if (kept >= KEPT_A_CONTAINER_MAX || this.#keptInAll >= KEPT_MAX) {
      return refusal("curl_busy");
    }
    this.#keep(container, 1);
    try {
      return await this.#made(request, forwarded, call);
    } finally {
      this.#keep(container, -1);
    }
  }

  #keep(container: string, more: number): void {
    const kept = (this.#kept.get(container) ?? 0) + more;
    this.#keptInAll += more;
    if (kept === 0) {
      this.#kept.delete(container);
    } else {
      this.#kept.set(container, kept);
    }
  }

  async #made(
    request: Request,
    forwarded: Forwarded,
    call: CurlCall,
  ): Promise<Response | CurlRefusal> {
    const startedMs = performance.now();
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), call.timeoutMs);
    try {
      const followed = await this.#followed(request, forwarded, call, late.signal);
      if (request.signal.aborted || forwarded.live.revoked !== null) {
        return refusal("upstream_unreachable");
      }
      if (late.signal.aborted) {
        return refusal("curl_timeout");
      }
      if ("reason" in followed) {
        return followed;
      }
      const { hop, url, method, redirects } = followed;
      const { requestId } = forwarded.exchange;
      if (call.form === "json") {
        const totalMs = performance.now() - startedMs;
        const record = { requestId, url, method, redirects, totalMs };
        const answer = await jsonAnswer(hop.response, record);
        forwarded.exchange.serves(answer.status);
        forwarded.ended("complete");
        return answer;
      }
      forwarded.exchange.serves(hop.response.status);
      void hop.over.then(forwarded.ended);
      return transparentAnswer(hop.response, requestId);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The last answer of a call, after at most five redirects, each of which is asked about as if it came first. */
  async #followed(request: Request, forwarded: Forwarded, call: CurlCall, late: AbortSignal) {
    const first = gateUrl(call.url, this.#options);
    if (first === null) {
      return refusal("curl_url");
    }
    const { method, headers, body } = call;
    let step: Step = { url: first, method, headers, body };
    for (let redirects = 0; ; redirects++) {
      const hop = await this.#hop(request, forwarded, call, step, late);
      const { reason } = hop.exchange;
      if (reason === "answer_too_large" || reason === "curl_nested") {
        return refusal(reason);
      }
      const last = { hop, url: step.url.href, method: step.method, redirects };
      const location = redirectOf(hop.response);
      if (location === null) {
        return last;
      }
      const next = gateUrl(resolved(location, step.url.href), this.#options);
      if (next === null && call.form === "transparent") {
        hop.drop();
        return refusal("curl_redirect");
      }
      if (next === null || !call.followRedirects) {
        hop.response.headers.set("location", next?.href ?? location);
        return last;
      }
      hop.drop();
      if (redirects === REDIRECTS_MAX) {
        return refusal("curl_redirects");
      }
      step = nextStep(step, next, hop.response.status);
    }
  }

  async #hop(
    request: Request,
    { live, peer, client, exchange: outer }: Forwarded,
    { form }: CurlCall,
    { url, method, headers: given, body }: Step,
    late: AbortSignal,
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
    const { watch } = this.#options;
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
    const wholeBytesMax = form === "json" ? answerBytesMax : null;
    const { scheme } = url;
    const inside: Inside = { live, peer, client, scheme, body, wholeBytesMax };
    const response = await this.#options.pass(inner, exchange, inside);
    return { response, exchange, over, drop };
  }
}

/** One request of a call. */
interface Step {
  readonly url: GateUrl;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | null;
}

/** RFC 9110 §15.4. What was given for one host is not for another, be it this one's neighbour. */
function nextStep({ url, method, headers, body }: Step, next: GateUrl, status: number): Step {
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

function redirectOf({ status, headers }: Response): string | null {
  return REDIRECTS.has(status) ? headers.get("location") : null;
}

/** Whatever it resolves to is read again, strictly. */
function resolved(location: string, base: string): string {
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

async function parsedCall(
  request: Request,
  { live }: Forwarded,
  query: string,
  form: CurlCall["form"],
): Promise<ParsedCall | CurlRefusal> {
  if (request.method === "GET") {
    const parameters = queryParameters(query);
    return parameters === null
      ? refusal("curl_bad_call", "the query is not percent-encoded UTF-8")
      : parseCall(parameters, form);
  }
  if (!/^application\/json\s*(;|$)/i.test(request.headers.get("content-type") ?? "")) {
    return refusal("curl_bad_call", "the body of a POST is application/json");
  }
  if (request.body === null) {
    return refusal("curl_bad_call", "there is no body");
  }
  const late = AbortSignal.timeout(REQUEST_MS);
  const revoked = new AbortController();
  live.whenRevoked(() => revoked.abort());
  const bytes = await boundedBody(request.body, REQUEST_BYTES_MAX, [late, revoked.signal]);
  if (!(bytes instanceof Uint8Array)) {
    return refusal(bytes === "too_long" ? "curl_call_too_large" : "curl_timeout");
  }
  const parameters = jsonParameters(new TextDecoder().decode(bytes));
  return parameters === null
    ? refusal("curl_bad_call", "the body is no JSON object of texts, numbers and booleans")
    : parseCall(parameters, form);
}

function refusal(reason: RefusalReason, detail: string | null = null): CurlRefusal {
  return { reason, detail };
}
