// What a command works with: the settings, the API and the output streams.
import { realmOf } from "../../client/api-host.ts";
import type { Credential } from "../../client/credential.ts";
import { type Answer, HttpClient, type HttpRequest } from "../../client/http.ts";
import { render } from "../output/render.ts";
import type { Show } from "../output/show.ts";
import type { TableOptions } from "../output/table.ts";
import { credentialOf } from "../settings/credential.ts";
import type { Settings } from "../settings/settings.ts";
import { colours } from "../terminal/colours.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import type { Io } from "../terminal/io.ts";
import { safeText } from "../terminal/safe-text.ts";
import { type Look, needsRealm, onlyRealm, realmNamed } from "./realm-choice.ts";

/** An answer with its unparsed body. */
export type AnsweredCall = Answer<unknown> & { readonly raw: string };

export class CommandContext {
  readonly io: Io;
  /** Words and flags as typed. */
  readonly typed: readonly string[];
  #settings: Settings;
  readonly #names = new Map<string, string>();

  constructor(settings: Settings, io: Io, typed: readonly string[]) {
    this.#settings = settings;
    this.io = io;
    this.typed = typed;
  }

  get settings(): Settings {
    return this.#settings;
  }

  /** What was typed in place of an id, for questions. */
  remember(id: string, name: string): void {
    this.#names.set(id, name);
  }

  /** The id as people know it. */
  shown(id: string): string {
    const name = this.#names.get(id);
    return name === undefined ? id : `${name} (${id})`;
  }

  /** The container that was named; `id` in place of its name. */
  useContainer(id: string): void {
    this.#settings = { ...this.#settings, container: id };
  }

  /**
   * Calls the API with the credential of the settings, if there is one, in the realm that they name. A token with one realm is
   * used there. Throws CommandFailure for a realm that is not there.
   */
  async request(request: HttpRequest): Promise<AnsweredCall> {
    const { realmName, baseUrl } = this.#settings;
    if (realmName !== undefined) this.#useHost(await realmNamed(baseUrl, realmName, this.#look));
    try {
      return await this.requestAs(this.credential(), request);
    } catch (failure) {
      const isFree = realmOf(this.#settings.baseUrl) === null;
      const host = needsRealm(failure) && isFree ? await onlyRealm(baseUrl, this.#look) : null;
      if (host === null) throw failure;
      this.#useHost(host);
      return this.requestAs(this.credential(), request);
    }
  }

  #useHost(baseUrl: URL): void {
    this.#settings = { ...this.#settings, baseUrl, realmName: undefined };
  }

  readonly #look: Look = async (baseUrl, path) => {
    const client = this.#client(this.credential(), () => {}, baseUrl);
    return (await client.request<unknown>({ method: "GET", path })).data;
  };

  async requestAs(
    credential: string | Credential | null,
    request: HttpRequest,
  ): Promise<AnsweredCall> {
    let raw = "";
    const client = usable(() =>
      this.#client(credential, (body) => {
        raw = body;
      }),
    );
    return { ...(await client.request<unknown>(request)), raw };
  }

  /** Null: the settings name no credential for this API. */
  credential(): Credential | null {
    return usable(() => credentialOf(this.settings, () => this.#client(null, () => {})));
  }

  /** Writes data to stdout in the requested format. */
  show(show: Show, answered: { readonly data: unknown; readonly raw: string }): void {
    const { output, quiet } = this.settings;
    this.io.stdout.write(render(show, answered, { output, quiet, ...this.tableOptions() }));
  }

  /** Writes a line for people to stderr, unless quiet. */
  say(line: string): void {
    if (!this.settings.quiet) this.io.stderr.write(`${safeText(line)}\n`);
  }

  warn(line: string): void {
    this.io.stderr.write(`warning: ${safeText(line)}\n`);
  }

  tableOptions(): TableOptions {
    const { stdout, environment } = this.io;
    return { columns: stdout.columns, emphasise: colours(stdout, environment).strong };
  }

  #client(
    credential: string | Credential | null,
    keep: (body: string) => void,
    baseUrl = this.#settings.baseUrl,
  ): HttpClient {
    return new HttpClient({
      baseUrl: baseUrl.href,
      credential,
      fetch: async (url, init) => {
        this.#trace(`> ${init.method} ${url}`);
        const begun = performance.now();
        const response = await fetch(url, init);
        keep(await response.clone().text());
        const ms = Math.round(performance.now() - begun);
        this.#trace(`< ${response.status} ${response.statusText} in ${ms} ms`);
        return response;
      },
    });
  }

  /** Request lines and statuses; never headers or bodies, which carry credentials. */
  #trace(line: string): void {
    if (this.settings.verbose) this.io.stderr.write(`${safeText(line)}\n`);
  }
}

/** An invalid credential or URL is a usage error; the message does not repeat the value. */
function usable<Made>(make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (error instanceof TypeError) throw new CommandFailure(exitCode.usage, error.message);
    throw error;
  }
}
