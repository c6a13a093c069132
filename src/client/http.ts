// One REST call: returns the envelope or throws a typed error. Runs wherever fetch exists.
import { inRealm, parseBaseUrl, realmOf } from "./api-host.ts";
import { type Credential, credentialOf } from "./credential.ts";
import { ApiError, NetworkError } from "./errors.ts";
import { networkFailure } from "./network-failure.ts";
import { retryAfterS, waitMs } from "./retry.ts";

/** A success. Further envelope fields, such as `truncated` of the token list, stand beside `data`. */
export interface Answer<T> {
  /** HTTP status. */
  readonly statusCode: number;
  readonly message: string;
  readonly data: T;
  /** Version of the document in the answer, `file:v<N>`, without quotes. */
  readonly etag?: string;
  /** Opaque token of the revision that this write made, for `/readyz?revision=`. */
  readonly revision?: string;
}

export interface HttpOptions {
  /** `https://api.example.com`, with or without a realm label; a path prefix is kept, `/api/v1` is optional. */
  readonly baseUrl: string;
  /** Calls that realm's host; null: the host without a realm; unset: the host as given. */
  readonly realm?: string | null | undefined;
  /** A token, or what `bearer`, `basic` or a session gives; unset: call without credentials. */
  readonly credential?: string | Credential | null | undefined;
  /** The runtime's when unset. */
  readonly fetch?: Fetch | undefined;
  /** Milliseconds for each attempt, body included; 30,000 when unset. */
  readonly timeoutMs?: number | undefined;
  /** Retries of a safe call; 2 when unset. */
  readonly retries?: number | undefined;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export type QueryValue = string | number | boolean | null | undefined;

export interface HttpRequest {
  readonly method: string;
  /** From `/api/v1/` on, with encoded segments. */
  readonly path: string;
  /** Null and undefined are omitted; a list repeats the parameter. */
  readonly query?: Readonly<Record<string, QueryValue | readonly QueryValue[]>> | undefined;
  /** Sent as JSON; unset: no body. */
  readonly body?: unknown;
  /** `file:v<N>`. */
  readonly ifMatch?: string | null | undefined;
  /** Whether the request may be retried; when unset, true for GET and HEAD. */
  readonly safe?: boolean | undefined;
  readonly signal?: AbortSignal | null | undefined;
}

const timeoutMsDefault = 30_000;
const retriesDefault = 2;
/** Refusals that a renewed session may resolve. */
const spentCodes: ReadonlySet<string> = new Set(["TOKEN_EXPIRED", "INVALID_TOKEN"]);

/**
 * The transport of the client and the command line. Throws ApiError (the server refused), NetworkError (no answer), TypeError
 * (invalid options or request).
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

  /** Base URL of all calls, including the realm label, without a trailing slash. */
  get baseUrl(): string {
    return this.#base.href.replace(/\/$/, "");
  }

  /** Realm that the host names; null: none. */
  get realm(): string | null {
    return realmOf(this.#base);
  }

  /** A copy with some options changed. */
  with(change: Pick<HttpOptions, "realm" | "credential" | "timeoutMs" | "retries">): HttpClient {
    return new HttpClient({
      ...this.#options,
      baseUrl: this.baseUrl,
      credential: this.#credential,
      realm: undefined,
      ...change,
    });
  }

  /** Renews an expired session once, if the credential can be renewed. */
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
      // Following a redirect could send the credential or the body to a host that the caller did not name.
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

/** Throws ApiError for a refusal, and for an answer that is not this API's envelope. */
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
    throw failed("NOT_THIS_API", "The answer is not from this API: check the base URL");
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
