// The built-in curl program: a link, or a JSON body, becomes a request that goes through this gate like any client's.

import { clientLine } from "../exchange/byte-owner.ts";
import { PlatformSignal } from "../exchange/stop-signal.ts";
import { targetWithout } from "../gate/credentials.ts";
import { type Refusal, type RefusalReason, refusal as refusalFor } from "../gate/refusal.ts";
import { pathOf, queryOf } from "../routing/request-target.ts";
import { boundedBody } from "../upstream/bounded-body.ts";
import type { ClientRequest } from "../upstream/request-body.ts";
import { type Answered, answered, type ForwardedRequest } from "../upstream/upstream.ts";
import { jsonAnswer, transparentAnswer } from "./answer.ts";
import { isEmbedded } from "./browser.ts";
import { type CurlCall, type ParsedCall, parseCall } from "./call.ts";
import {
  ANSWER_BYTES_MAX,
  type CurlOptions,
  type HopStep,
  makeHop,
  nextStep,
  redirectOf,
  resolved,
} from "./hop.ts";
import { jsonParameters, queryParameters } from "./parameters.ts";
import { gateUrl } from "./url.ts";

/** The largest JSON body of a call, in bytes. */
const REQUEST_BYTES_MAX = 262_144;
/** How long it may take to arrive, in milliseconds. */
const REQUEST_MS = 30_000;
/** Concurrent calls whose responses are held as a whole: of one container, and in all. */
const KEPT_A_CONTAINER_MAX = 8;
const KEPT_MAX = 64;
const REDIRECTS_MAX = 5;

/** Default forms of the routes by method; nothing else is here. */
const ROUTES: ReadonlyMap<string, Readonly<Record<string, CurlCall["form"]>>> = new Map([
  ["/proxy", { GET: "transparent", POST: "transparent" }],
  ["/api/v1/curl/request", { GET: "json", POST: "transparent" }],
]);

interface ClientCall extends CurlCall {
  /** Its client does not know the URL. */
  readonly isUrlHidden: boolean;
}

export class CurlProgram {
  readonly #options: CurlOptions;
  readonly #kept = new Map<string, number>();
  #keptInAll = 0;

  constructor(options: CurlOptions) {
    this.#options = options;
  }

  /** Answers an admitted request for this program. */
  async answer(
    request: ClientRequest,
    forwarded: ForwardedRequest,
  ): Promise<Answered<Response> | Refusal> {
    const { allowed } = forwarded.active;
    const target = targetWithout(forwarded.admitted.target, allowed.consumedCredentials);
    const route = ROUTES.get(pathOf(target));
    const form = route?.[request.method];
    if (form === undefined) {
      return refusal(route === undefined ? "curl_no_route" : "curl_method");
    }
    if (isEmbedded(request.headers)) {
      return refusal("curl_embedded");
    }
    const parsed = await parsedCall(request, forwarded, queryOf(target), form);
    if ("kind" in parsed) {
      return parsed;
    }
    if (!parsed.ok) {
      return refusal("curl_bad_call", parsed.problem);
    }
    const call = { ...parsed.call, isUrlHidden: isUrlHidden(request, forwarded) };
    if (call.form === "transparent") {
      return this.#made(request, forwarded, call);
    }
    const { container } = allowed.host;
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
    request: ClientRequest,
    forwarded: ForwardedRequest,
    call: ClientCall,
  ): Promise<Answered<Response> | Refusal> {
    const { active } = forwarded;
    const startedMs = performance.now();
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), call.timeoutMs);
    try {
      const followed = await this.#followed(request, forwarded, call, late.signal);
      if (active.stopped !== null) {
        return refusal("upstream_unreachable");
      }
      if (late.signal.aborted) {
        return refusal("curl_timeout");
      }
      if ("kind" in followed) {
        return followed;
      }
      const { hop, method, redirects } = followed;
      const { requestId } = active.exchange;
      const url = call.isUrlHidden ? null : followed.url;
      if (call.form === "json") {
        const bytes = await bodyOf(hop.response, forwarded, late.signal);
        if (!(bytes instanceof Uint8Array)) return bytes;
        const totalMs = performance.now() - startedMs;
        const record = { requestId, url, method, redirects, totalMs };
        const answer = jsonAnswer(hop.response, bytes, record);
        active.exchange.serves(answer.status);
        active.end("complete");
        return answered(answer);
      }
      active.exchange.serves(hop.response.status);
      void hop.over.then((how) => active.end(how));
      return answered(transparentAnswer(hop.response, method, requestId));
    } finally {
      clearTimeout(timer);
    }
  }

  /** The last response of a call, after at most five redirects, each of which is admitted like a first request. */
  async #followed(
    request: ClientRequest,
    forwarded: ForwardedRequest,
    call: ClientCall,
    late: AbortSignal,
  ) {
    const first = gateUrl(call.url, this.#options);
    if (first === null) {
      return refusal("curl_url");
    }
    const { method, headers, body } = call;
    let step: HopStep = { url: first, method, headers, body };
    for (let redirects = 0; ; redirects++) {
      const hop = await makeHop(request, forwarded, call.form, step, late, this.#options);
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
        // Made whole, it would tell where the call went.
        if (next !== null && !call.isUrlHidden) hop.response.headers.set("location", next.href);
        return last;
      }
      hop.drop();
      if (redirects === REDIRECTS_MAX) {
        return refusal("curl_redirects");
      }
      step = nextStep(step, next, hop.response.status);
    }
  }
}

/** Whether the target of an alias says the URL: it may hold a credential. A POST says it itself. */
function isUrlHidden({ method }: ClientRequest, { active }: ForwardedRequest): boolean {
  const { target } = active.allowed.alias ?? { target: null };
  return method === "GET" && queryParameters(queryOf(target ?? ""))?.has("url") === true;
}

/** All of a response's body, whatever it does. */
async function bodyOf(
  { body }: Response,
  { active }: ForwardedRequest,
  late: AbortSignal,
): Promise<Uint8Array | Refusal> {
  if (body === null) return new Uint8Array();
  const stopped = new PlatformSignal();
  active.signal.on(stopped);
  const bytes = await boundedBody(body, ANSWER_BYTES_MAX, clientLine(active), [
    late,
    stopped.signal,
  ]);
  active.signal.off(stopped);
  if (bytes instanceof Uint8Array) return bytes;
  if (bytes === "too_long") return refusal("answer_too_large");
  const isLate = late.aborted && active.stopped === null;
  return refusal(isLate ? "curl_timeout" : "upstream_unreachable");
}

async function parsedCall(
  request: ClientRequest,
  { active }: ForwardedRequest,
  query: string,
  form: CurlCall["form"],
): Promise<ParsedCall | Refusal> {
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
  const stopped = new PlatformSignal();
  active.signal.on(stopped);
  const until = [late, stopped.signal];
  const bytes = await boundedBody(request.body, REQUEST_BYTES_MAX, clientLine(active), until, true);
  active.signal.off(stopped);
  if (!(bytes instanceof Uint8Array)) {
    if (bytes === "too_long") return refusal("curl_call_too_large");
    return refusal(until.some(({ aborted }) => aborted) ? "curl_timeout" : "bad_request");
  }
  const parameters = jsonParameters(new TextDecoder().decode(bytes));
  return parameters === null
    ? refusal("curl_bad_call", "the body is no JSON object of texts, numbers and booleans")
    : parseCall(parameters, form);
}

function refusal(reason: RefusalReason, detail: string | null = null): Refusal {
  return refusalFor(reason, null, detail);
}
