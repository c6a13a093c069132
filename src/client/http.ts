// One REST call: a request out, the envelope's answer or a typed error back. Runs wherever there is a fetch.
import { inRealm, parseBaseUrl, realmOf } from "./api-host.ts";
import { type Credential, credentialOf } from "./credential.ts";
import { ApiError, NetworkError } from "./errors.ts";
import { networkFailure } from "./network-failure.ts";
import { retryAfterS, waitMs } from "./retry.ts";

/** A success. What the envelope carries beside `data` (`truncated` of the token list) stands beside it here, too. */
export interface Answer<T> {
  /** HTTP status. */
  readonly statusCode: number;
  readonly message: string;
  readonly data: T;
  /** Version of the document answered with: `file:v<N>`, without quotes. */
  readonly etag?: string;
  /** Opaque token of the revision that this write made, for `/readyz?revision=`. */
  readonly revision?: string;
}

export interface HttpOptions {
  /** `https://api.example.com`, with or without a realm label; a path prefix is kept, `/api/v1` need not be there. */
  readonly baseUrl: string;
  /** Calls that realm's host; null: the host without one; unset: the host as given. */
  readonly realm?: string | null | undefined;
  /** A token, or what `bearer`, `basic` or a session gives; unset: call as nobody. */
  readonly credential?: string | Credential | null | undefined;
  /** The runtime's when unset. */
  readonly fetch?: Fetch | undefined;
  /** For each attempt, until its body is read; 30,000 when unset. */
  readonly timeoutMs?: number | undefined;
  /** Further attempts of a safe call; 2 when unset. */
  readonly retries?: number | undefined;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export type QueryValue = string | number | boolean | null | undefined;

export interface HttpRequest {
  readonly method: string;
  /** From `/api/v1/` on, its segments encoded. */
  readonly path: string;
  /** What is null or undefined is not sent; a list is sent once for each item. */
  readonly query?: Readonly<Record<string, QueryValue | readonly QueryValue[]>> | undefined;
  /** Sent as JSON; unset: no body. */
  readonly body?: unknown;
  /** `file:v<N>`. */
  readonly ifMatch?: string | null | undefined;
  /** Whether it may be sent again when nobody answered; GET and HEAD are when unset. */
  readonly safe?: boolean | undefined;
  readonly signal?: AbortSignal | null | undefined;
}

const timeoutMsDefault = 30_000;
const retriesDefault = 2;
/** Refusals that a fresh session may turn into answers. */
const spentCodes: ReadonlySet<string> = new Set(["TOKEN_EXPIRED", "INVALID_TOKEN"]);

/**
 * The transport under the client and the command line. Throws ApiError (the server said no), NetworkError (nobody
 * answered), TypeError (the options or the request are wrong).
 */
export class HttpClient {
  readonly #base: URL;
  readonly #options: HttpOptions;
  readonly #credential: Credential;

  constructor(options: HttpOptions) {
    const base = parseBaseUrl(options.baseUrl);
    this.#base = options.realm === undefined ? base : inRealm(base, options.realm);
    this.#credential = credentialOf(options.credential);
    this.#options = options;
  }

  /** Where calls go, realm label included, without a trailing slash. */
  get baseUrl(): string {
    return this.#base.href.replace(/\/$/, "");
  }

  /** The realm of the host; null: none. */
  get realm(): string | null {
    return realmOf(this.#base);
  }

  /** The same, somewhere else or as somebody else. */
  with(change: Pick<HttpOptions, "realm" | "credential" | "timeoutMs" | "retries">): HttpClient {
    return new HttpClient({
      ...this.#options,
      baseUrl: this.baseUrl,
      credential: this.#credential,
      realm: undefined,
      ...change,
    });
  }

  /** A session that is over is renewed once, if its credential can be. */
  async request<T>(request: HttpRequest): Promise<Answer<T>> {
    const sent = this.#credential.authorization();
    try {
      return await this.#attempts<T>(request, sent);
    } catch (failure) {
      const spent = failure instanceof ApiError && spentCodes.has(failure.code);
      if (!spent || sent === null || this.#credential.renew === undefined) throw failure;
      if (!(await this.#credential.renew(sent))) throw failure;
      return this.#attempts<T>(request, this.#credential.authorization());
    }
  }

  async #attempts<T>(request: HttpRequest, authorization: string | null): Promise<Answer<T>> {
    const { method, safe = method === "GET" || method === "HEAD" } = request;
    const attemptsMax = safe ? 1 + (this.#options.retries ?? retriesDefault) : 1;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once<T>(request, authorization);
      } catch (failure) {
        const wait = attempt < attemptsMax ? waitMs(failure, attempt, Math.random()) : null;
        if (wait === null) throw failure;
        await sleep(wait, request.signal ?? null, this.#base.href);
      }
    }
  }

  async #once<T>(request: HttpRequest, authorization: string | null): Promise<Answer<T>> {
    const { method, path, body, ifMatch, signal } = request;
    const url = `${this.baseUrl}${path}${queryText(request.query)}`;
    const headers = new Headers({ accept: "application/json" });
    if (authorization !== null) headers.set("authorization", authorization);
    if (ifMatch !== null && ifMatch !== undefined) headers.set("if-match", ifMatch);
    if (body !== undefined) headers.set("content-type", "application/json");
    const clock = AbortSignal.timeout(this.#options.timeoutMs ?? timeoutMsDefault);
    const init = {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, clock]) : clock,
      // A redirect could lead a credential or a body to another place than the caller named.
      redirect: "manual",
      credentials: "omit",
    } as const;
    const send = this.#options.fetch ?? ((to: string, how: RequestInit) => fetch(to, how));
    let response: Response;
    let text: string;
    try {
      response = await send(url, init);
      text = await response.text();
    } catch (thrown) {
      throw networkFailure(thrown, url, stopped(signal, clock));
    }
    return answerOf<T>(request, response, text);
  }
}

function stopped(signal: HttpRequest["signal"], clock: AbortSignal): "aborted" | "timeout" | null {
  if (signal?.aborted) return "aborted";
  return clock.aborted ? "timeout" : null;
}

function queryText(query: HttpRequest["query"]): string {
  const params = new URLSearchParams();
  for (const [name, given] of Object.entries(query ?? {})) {
    for (const value of Array.isArray(given) ? given : [given]) {
      if (value !== null && value !== undefined) params.append(name, String(value));
    }
  }
  return params.size === 0 ? "" : `?${params}`;
}

interface Envelope {
  readonly statusCode?: unknown;
  readonly message?: unknown;
  readonly data?: unknown;
  readonly code?: unknown;
}

/** Throws ApiError for a refusal, and for what is not this API's envelope at all. */
function answerOf<T>(request: HttpRequest, response: Response, text: string): Answer<T> {
  const { status, headers } = response;
  const envelope = envelopeOf(text);
  const failed = (code: string, message: string) =>
    new ApiError({
      statusCode: status,
      code,
      message,
      data: envelope?.data,
      method: request.method,
      path: request.path,
      requestId: headers.get("x-request-id"),
      retryAfterS: retryAfterS(headers.get("retry-after"), Date.now()),
    });
  const { code, message } = envelope ?? {};
  if (response.type === "opaqueredirect" || (status >= 300 && status < 400)) {
    const to = headers.get("location");
    throw failed("UNEXPECTED_REDIRECT", `The server redirects${to ? ` to ${to}` : ""}`);
  }
  if (!response.ok) {
    const spelled = typeof message === "string" ? message : `HTTP status ${status}`;
    throw failed(typeof code === "string" ? code : `HTTP_${status}`, spelled);
  }
  if (envelope === null) {
    throw failed("NOT_THIS_API", "What answered is not this API: check the base URL");
  }
  const etag = headers.get("etag")?.replace(/^"(.*)"$/, "$1") ?? null;
  const revision = headers.get("x-realmgate-revision");
  return {
    ...envelope,
    statusCode: status,
    message: typeof message === "string" ? message : "",
    data: (envelope.data ?? null) as T,
    ...(etag === null ? {} : { etag }),
    ...(revision === null ? {} : { revision }),
  };
}

function envelopeOf(text: string): Envelope | null {
  try {
    const json: unknown = JSON.parse(text);
    const isEnvelope = typeof json === "object" && json !== null && "statusCode" in json;
    return isEnvelope ? (json as Envelope) : null;
  } catch {
    return null;
  }
}

function sleep(ms: number, signal: AbortSignal | null, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new NetworkError("aborted", new URL(url).origin, "The call was aborted."));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
