// What the seed's examples are played on: the program, upstreams, and projects with two containers each.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import {
  type Api,
  Document,
  enforced,
  type Level,
  loginAdmin,
  makePlace,
  type Place,
  type Through,
  through,
} from "../../harness/client.ts";
import { type Echo, type Program, startProgram, startUpstream } from "../../harness/program.ts";
import type { Client } from "./clients.ts";

/** A container, as far as a knock needs it. */
export interface Box {
  readonly id: string;
  readonly document: Document;
  host(program: string): string;
}

/** A project with two containers. */
export interface Site extends Pick<Place, "projectId" | "project"> {
  readonly box: Box;
  readonly sibling: Box;
}

/**
 * What came of a knock: the upstream echoed it; the gate let it pass to a port that is not ours (nobody listens there as
 * a rule, and then it is 502; to ssh leads a WebSocket only, and then it is 426); the gate refused it; the kill switch answered; or something else, told in words.
 */
export type Outcome = "reached" | "passed" | 401 | 403 | "disabled";

/** Stands in a program's name for the port of the upstream that http programs reach. */
export const OWN_HTTP = "http-OWN";

/** The programs with a port of their own. `http` and `ssh` have the port of their URL. */
const KITS = [
  "terminal",
  "display",
  "files",
  "exec",
  "sqlite",
  "browser",
  "agent",
  "code",
  "curl",
  "daemon",
  "notifications",
];

export class Stage implements AsyncDisposable {
  readonly program: Program;
  readonly api: Api;
  readonly #kitPort: number;
  readonly #witness: Witness;
  readonly #resources: AsyncDisposableStack;
  #sites = 0;

  private constructor(
    resources: AsyncDisposableStack,
    parts: { program: Program; api: Api; kitPort: number; witness: Witness },
  ) {
    this.#resources = resources;
    this.program = parts.program;
    this.api = parts.api;
    this.#kitPort = parts.kitPort;
    this.#witness = parts.witness;
  }

  static async open(): Promise<Stage> {
    await using resources = new AsyncDisposableStack();
    const [program, upstream, witness] = await Promise.all([
      startProgram().then((started) => resources.use(started)),
      startUpstream().then((started) => resources.use(started)),
      Witness.open().then((started) => resources.use(started)),
    ]);
    const api = await loginAdmin(program.urls);
    return new Stage(resources.move(), { program, api, kitPort: upstream.port, witness });
  }

  /** Two containers in a project of their own. Nobody has said anything about permissions yet. */
  async site(): Promise<Site> {
    const { urls } = this.program;
    const place = await makePlace(this.api, urls, this.#kitPort);
    const programs = Object.fromEntries(KITS.map((kit) => [kit, { port: this.#kitPort }]));
    const answer = await this.api.call("POST", `/projects/${place.projectId}/containers`, {
      body: { name: `sibling-${++this.#sites}`, address: "127.0.0.1", programs },
    });
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
    await enforced(urls, answer);
    const siblingId: string = answer.body.data.id;
    return {
      projectId: place.projectId,
      project: place.project,
      box: { id: place.containerId, document: place.container, host: place.host },
      sibling: {
        id: siblingId,
        document: new Document(this.api, urls, "containers", siblingId),
        host: (name) => place.host(name).replace(place.containerId, siblingId),
      },
    };
  }

  /**
   * One request as this client. Throws where an outcome is not what it seems: an echo of another program, a 401 that
   * asks for nothing, a refused request that the upstream saw all the same.
   */
  async knock(box: Box, name: string, client: Client): Promise<Outcome | string> {
    const target = name.replace(OWN_HTTP, `http-${this.#witness.port}`);
    const id = crypto.randomUUID();
    const { path = "/", from, headers } = client;
    const response = await through(this.program.urls, box.host(target), {
      path,
      from,
      headers: { ...headers, "x-knock": id },
    });
    const text = await response.text();
    const outcome = outcomeOf(response, text);
    if (outcome === "reached") requireProgram(target, JSON.parse(text));
    if (this.#witness.saw(id) !== (outcome === "reached" && name === OWN_HTTP)) {
      throw new Error(
        `${outcome}, and the upstream ${this.#witness.saw(id) ? "saw" : "missed"} it`,
      );
    }
    return outcome;
  }

  /** The echo of a request that has to reach its upstream. */
  async echo(box: Box, name: string, request: Through): Promise<Echo> {
    const target = name.replace(OWN_HTTP, `http-${this.#witness.port}`);
    const response = await through(this.program.urls, box.host(target), request);
    const text = await response.text();
    if (outcomeOf(response, text) !== "reached") throw new Error(`${response.status} ${text}`);
    return JSON.parse(text);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

/** The document that a write at this level goes to: the project's, or that of its first container. */
export function documentAt(site: Site, level: Level): Document {
  return level === "projects" ? site.project : site.box.document;
}

/** The body with the site's ids where the seed writes shell variables. */
export function withIds<Body>(body: Body, { projectId, box }: Site): Body {
  const text = JSON.stringify(body)
    .replaceAll("$PROJECT_ID", projectId)
    .replaceAll("$CONTAINER_ID", box.id);
  return JSON.parse(text);
}

/** The end of a sentence that begins with the client. */
export function told(outcome: Outcome, name: string): string {
  const program = name === OWN_HTTP ? "the http upstream's own port" : name;
  switch (outcome) {
    case "reached":
      return `reaches ${program}`;
    case "passed":
      return `is let through to ${program}`;
    case "disabled":
      return `finds ${program} switched off (503)`;
    case 401:
    case 403:
      return `gets ${outcome} from ${program}`;
  }
}

function outcomeOf(response: Response, text: string): Outcome | string {
  if (response.headers.get("x-upstream") === "echo" && response.status === 200) return "reached";
  const refused = response.headers.has("x-realmgate-request-id");
  if (!refused) return "passed";
  const { code, statusCode } = JSON.parse(text);
  if (statusCode !== response.status) return `${response.status} that calls itself ${statusCode}`;
  switch (response.status) {
    case 401:
      return response.headers.has("www-authenticate") ? 401 : "401 without a challenge";
    case 403:
      return 403;
    // It was let in, and is told that ssh goes through a WebSocket.
    case 426:
    case 502:
    case 504:
      return "passed";
  }
  return response.status === 503 && code === "disabled" ? "disabled" : `${response.status} ${code}`;
}

function requireProgram(target: string, { headers }: Echo): void {
  const [, program, instance = "1"] = /^(.+?)(?:-(\d+))?$/.exec(target) ?? [];
  const seen = `${headers["x-realmgate-program"]}-${headers["x-realmgate-instance"]}`;
  const canonical = program === "n" ? "notifications" : program;
  if (seen !== `${canonical}-${instance}`) throw new Error(`${target} reached ${seen}`);
}

/** An upstream for http programs that remembers which knocks it saw. */
class Witness implements AsyncDisposable {
  readonly port: number;
  readonly #seen: ReadonlySet<string>;
  readonly #close: () => Promise<void>;

  private constructor(port: number, seen: ReadonlySet<string>, close: () => Promise<void>) {
    this.port = port;
    this.#seen = seen;
    this.#close = close;
  }

  static async open(): Promise<Witness> {
    const seen = new Set<string>();
    const server = createServer((request, response) => {
      seen.add(String(request.headers["x-knock"]));
      void echo(request, response);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, "127.0.0.1", resolve);
    await promise;
    const address = server.address();
    if (address === null || typeof address !== "object") throw new Error("the witness has no port");
    return new Witness(address.port, seen, async () => {
      server.closeAllConnections();
      server.close();
    });
  }

  saw(id: string): boolean {
    return this.#seen.has(id);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  const { method, url, headers } = request;
  response.setHeader("content-type", "application/json");
  response.setHeader("x-upstream", "echo");
  response.end(JSON.stringify({ method, url, headers, body }));
}
