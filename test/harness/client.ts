// What tests say to a running program: REST calls as a user, and requests through the proxy as anybody.
import { adminPassword, type Urls } from "./program.ts";

/** A REST answer with its envelope taken apart. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it.
  readonly body: any;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A caller of the REST API. */
export class Api {
  readonly #base: string;
  readonly authorization: string | null;

  constructor(base: string, authorization: string | null = null) {
    this.#base = base;
    this.authorization = authorization;
  }

  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const headers = new Headers(options.headers);
    if (this.authorization !== null && !headers.has("authorization")) {
      headers.set("authorization", this.authorization);
    }
    let body: string | null = null;
    if (options.body !== undefined) {
      body = typeof options.body === "string" ? options.body : JSON.stringify(options.body);
      if (!headers.has("content-type")) headers.set("content-type", "application/json");
    }
    const response = await fetch(`${this.#base}/api/v1${path}`, { method, headers, body });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === "" ? null : JSON.parse(text),
    };
  }

  /** A call that has to succeed; its `data`. */
  async data(method: string, path: string, options: CallOptions = {}): Promise<Answer["body"]> {
    const answer = await this.call(method, path, options);
    if (answer.status >= 300) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body.data;
  }
}

/** The first user, logged in. */
export async function loginAdmin(urls: Urls): Promise<Api> {
  const anonymous = new Api(urls.rest);
  const credentials = { username: "admin", password: adminPassword };
  const { token } = await anonymous.data("POST", "/users/auth/login", { body: credentials });
  return new Api(urls.rest, `Bearer ${token}`);
}

export type Level = "projects" | "containers";

/** A permission document as its owner writes it: each write names the version before and waits until it is enforced. */
export class Document {
  readonly #api: Api;
  readonly #urls: Urls;
  readonly path: string;

  constructor(api: Api, urls: Urls, level: Level, id: string) {
    this.#api = api;
    this.#urls = urls;
    this.path = `/${level}/${id}/proxy/permissions`;
  }

  async get(): Promise<Answer["body"]> {
    return this.#api.data("GET", this.path);
  }

  /** A write that has to succeed, with the present version. Resolves once the proxy enforces it. */
  async write(method: string, path: string, body?: unknown): Promise<Answer> {
    const { etag } = await this.get();
    const answer = await this.#api.call(method, `${this.path}${path}`, {
      ...(body === undefined ? {} : { body }),
      headers: { "if-match": etag },
    });
    if (answer.status !== 200) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    await enforced(this.#urls, answer);
    return answer;
  }

  replace(document: unknown): Promise<Answer> {
    return this.write("PATCH", "", document);
  }
}

/** Resolves once the proxy enforces the write that was answered so. */
export async function enforced(urls: Urls, answer: Answer): Promise<void> {
  const token = answer.headers.get("x-realmgate-revision");
  if (token === null) throw new Error("the answer names no revision");
  const response = await fetch(`${urls.ops}/readyz?revision=${token}&wait_ms=5000`);
  if (response.status !== 200) throw new Error(`not enforced: ${await response.text()}`);
}

/** A container on an upstream, in a project of its own. */
export interface Place {
  readonly projectId: string;
  readonly containerId: string;
  readonly project: Document;
  readonly container: Document;
  /** The host name of a program: `terminal-1`, `http-8080`. */
  host(program: string): string;
}

let places = 0;

/** Makes a project and a container whose kit programs all listen on one port. */
export async function makePlace(api: Api, urls: Urls, port: number): Promise<Place> {
  const project = await api.data("POST", "/projects/", { body: { alias: `place-${++places}` } });
  const programs = Object.fromEntries(kitPrograms.map((program) => [program, { port }]));
  const body = { name: `box-${places}`, address: "127.0.0.1", programs };
  const answer = await api.call("POST", `/projects/${project.id}/containers`, { body });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  await enforced(urls, answer);
  const containerId = answer.body.data.id;
  return {
    projectId: project.id,
    containerId,
    project: new Document(api, urls, "projects", project.id),
    container: new Document(api, urls, "containers", containerId),
    host: (program) => `${project.id}-${containerId}-${program}.local.containers.localhost`,
  };
}

const kitPrograms = [
  "terminal",
  "display",
  "files",
  "exec",
  "sqlite",
  "browser",
  "agent",
  "code",
  "daemon",
  "notifications",
] as const;

export interface Through {
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The client's address, as a trusted proxy would say it. */
  readonly from?: string;
}

/** One request through the proxy. */
export function through(urls: Urls, host: string, options: Through = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  headers.set("host", host);
  if (options.from !== undefined) headers.set("x-forwarded-for", options.from);
  return fetch(`${urls.proxy}${options.path ?? "/"}`, {
    method: options.method ?? "GET",
    headers,
    body: options.body ?? null,
    redirect: "manual",
  });
}

/** The status of one request through the proxy. */
export async function statusThrough(urls: Urls, host: string, options?: Through): Promise<number> {
  const response = await through(urls, host, options);
  await response.body?.cancel();
  return response.status;
}
