// What a command works with: the settings, the API, and where its words go.
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

/** An answer with its body as it came. */
export type Answered = Answer<unknown> & { readonly raw: string };

export class CommandContext {
  readonly settings: Settings;
  readonly io: Io;
  /** The words and flags as they were typed. */
  readonly typed: readonly string[];

  constructor(settings: Settings, io: Io, typed: readonly string[]) {
    this.settings = settings;
    this.io = io;
    this.typed = typed;
  }

  /** A call as whoever was said to call; as nobody when nothing was said. */
  async request(request: HttpRequest): Promise<Answered> {
    return this.requestAs(this.credential(), request);
  }

  async requestAs(credential: string | Credential | null, request: HttpRequest): Promise<Answered> {
    let raw = "";
    const client = usable(() =>
      this.#client(credential, (body) => {
        raw = body;
      }),
    );
    return { ...(await client.request<unknown>(request)), raw };
  }

  /** Null: nobody said who calls. */
  credential(): Credential | null {
    return usable(() => credentialOf(this.settings, () => this.#client(null, () => {})));
  }

  /** Data, on stdout, in the form that was asked for. */
  show(show: Show, answered: { readonly data: unknown; readonly raw: string }): void {
    const { output, quiet } = this.settings;
    this.io.stdout.write(render(show, answered, { output, quiet, ...this.tableOptions() }));
  }

  /** A line for people, on stderr; not with `-q`. */
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

  #client(credential: string | Credential | null, keep: (body: string) => void): HttpClient {
    return new HttpClient({
      baseUrl: this.settings.baseUrl.href,
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

  /** The line and the status of each request; never headers or bodies, which have credentials. */
  #trace(line: string): void {
    if (this.settings.verbose) this.io.stderr.write(`${safeText(line)}\n`);
  }
}

/** A credential that is none is the fault of the line, and its message does not repeat it. */
function usable<Made>(make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    if (error instanceof TypeError) throw new CommandFailure(exitCode.usage, error.message);
    throw error;
  }
}
