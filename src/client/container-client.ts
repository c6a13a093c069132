// One container's programs through the gate. What a program answers is its own API: here are only its address and the
// credential of the gate. The credential of the management API never goes there.
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

/** What `terminal.execution.execute` sends; further fields go to the program as they are. */
export interface Execution {
  readonly command: string;
  readonly [field: string]: unknown;
}

export interface ExecuteOptions {
  /** Which terminal; 1 when unset. */
  readonly instance?: number;
  readonly signal?: AbortSignal | null;
}

export class ContainerClient {
  readonly id: string;
  readonly project_id: string;
  readonly server: string;
  /** The one program whose API the seeds show: `POST /execute` of a terminal. */
  readonly terminal: {
    readonly execution: {
      /** The program's answer as JSON if it is, else as text. Throws ApiError when the gate or the program refuses. */
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
   * The root of a program, without a slash at its end: `url("terminal", 2)`, `url("http", 8080)`. Instance: 1 when unset;
   * of http the port, 80 when unset. Throws TypeError for what no host can name.
   */
  url(program: string, instance?: number): string {
    return programUrl(this.#options.containersUrl, this.#options.place, program, instance);
  }

  /**
   * A request to a program, with the credential attached. `path` begins with `/`. Redirects come back as they are, unless
   * `init` says otherwise: they may lead elsewhere, and the credential with them. Throws NetworkError, TypeError.
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
