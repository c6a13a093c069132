// One container's programs through the gate: their URLs, and requests with the gate's credential. The credential of the
// management API is never sent to them.
import { type ContainerPlace, programUrl } from "./containers-url.ts";
import { ApiError } from "./errors.ts";
import type { Answer, Fetch } from "./http.ts";
import { networkFailure } from "./network-failure.ts";
import { attach, type ProgramCredential } from "./program-credential.ts";

export interface ContainerClientOptions {
  readonly place: ContainerPlace;
  /** `https://containers.example.com`. */
  readonly containersUrl: string;
  readonly credential: ProgramCredential | null;
  readonly fetch: Fetch;
}

/** Body of `terminal.execution.execute`; further fields go to the program unchanged. */
export interface Execution {
  readonly command: string;
  readonly [field: string]: unknown;
}

export interface ExecuteOptions {
  /** Terminal instance; 1 when unset. */
  readonly instance?: number;
  readonly signal?: AbortSignal | null;
}

export class ContainerClient {
  readonly id: string;
  readonly project_id: string;
  readonly server: string;
  /** `POST /execute` of a terminal, the one program API that the Hoody client has. */
  readonly terminal: {
    readonly execution: {
      /** Returns the program's answer, parsed if it is JSON. Throws ApiError when the gate or the program refuses. */
      execute(body: Execution, options?: ExecuteOptions): Promise<Answer<unknown>>;
    };
  };
  readonly #options: ContainerClientOptions;

  constructor(options: ContainerClientOptions) {
    const { id, project_id, server } = options.place;
    this.#options = options;
    this.id = id;
    this.project_id = project_id;
    this.server = server;
    this.terminal = { execution: { execute: (body, how) => this.#execute(body, how ?? {}) } };
  }

  /**
   * Origin of a program, without a trailing slash: `url("terminal", 2)`, `url("http", 8080)`. The instance of http is the port,
   * 80 when unset; of other programs 1 when unset. Throws TypeError when no valid host name exists.
   */
  url(program: string, instance?: number): string {
    return programUrl(this.#options.containersUrl, this.#options.place, program, instance);
  }

  /**
   * Sends a request to a program with the credential attached. `path` begins with `/`. Redirects are returned, not followed,
   * unless `init` overrides that: following one could send the credential elsewhere. Throws NetworkError, TypeError.
   */
  async fetch(
    program: string,
    instance: number | undefined,
    path: string,
    init: RequestInit = {},
  ): Promise<Response> {
    const root = this.url(program, instance);
    const url = new URL(path, root);
    if (!path.startsWith("/") || url.origin !== new URL(root).origin) {
      throw new TypeError("the path of a program begins with one slash");
    }
    const headers = new Headers(init.headers);
    const { credential } = this.#options;
    if (credential !== null) attach(credential, url, headers);
    try {
      return await this.#options.fetch(url.href, { redirect: "manual", ...init, headers });
    } catch (thrown) {
      throw networkFailure(thrown, url.href, init.signal?.aborted ? "aborted" : null);
    }
  }

  async #execute(body: Execution, { instance, signal }: ExecuteOptions): Promise<Answer<unknown>> {
    const path = "/execute";
    const response = await this.fetch("terminal", instance, path, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(body),
      signal: signal ?? null,
    });
    const data = parsed(await response.text());
    const { status: statusCode, statusText } = response;
    if (response.ok) return { statusCode, message: statusText, data };
    throw refusal(statusCode, data, { method: "POST", path, response });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function refusal(
  statusCode: number,
  data: unknown,
  { method, path, response }: { method: string; path: string; response: Response },
): ApiError {
  const { code, message } = (typeof data === "object" && data !== null ? data : {}) as {
    code?: unknown;
    message?: unknown;
  };
  return new ApiError({
    statusCode,
    code: typeof code === "string" ? code : `HTTP_${statusCode}`,
    message: typeof message === "string" ? message : `HTTP status ${statusCode}`,
    data,
    method,
    path,
    requestId:
      response.headers.get("x-request-id") ?? response.headers.get("x-realmgate-request-id"),
  });
}
