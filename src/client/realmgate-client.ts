// The TypeScript client: the whole management API over REST, and the programs behind the gate. Runs on Bun, Node 20 and in
// browsers; nothing here knows more of its surroundings than fetch.
import { ContainerClient } from "./container-client.ts";
import { containersUrlOf } from "./containers-url.ts";
import { createApi } from "./create-api.ts";
import type { Api, Restrictions } from "./gen/api.ts";
import { HttpClient, type HttpOptions } from "./http.ts";
import type { ProgramCredential } from "./program-credential.ts";
import { type SessionTokens, sessionCredential } from "./session.ts";

export interface ClientOptions extends HttpOptions {
  /**
   * Where containers are reached, without the server's label: `https://containers.example.com`. Told from the API's host
   * when unset; needed for addresses and on this machine (`http://containers.localhost:8000`).
   */
  readonly containersUrl?: string | undefined;
  /** For the programs of containers; unset: none. */
  readonly programCredential?: ProgramCredential | null | undefined;
}

/** What is not said by the arguments themselves. */
export type ConnectOptions = Omit<ClientOptions, "baseUrl" | "credential">;

/** A user's name, or e-mail address, and password. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** What names a container: as the seeds write it, or an answer of `api.containers`. */
export interface ContainerName {
  readonly id: string;
  readonly project_id?: string;
  readonly server?: string;
  readonly server_name?: string;
}

/** Logs in; the session is renewed when it is over. Throws ApiError INVALID_CREDENTIALS, and what calls throw. */
export async function authenticate(
  baseUrl: string,
  login: Login,
  options: ConnectOptions = {},
): Promise<RealmgateClient> {
  const nobody = new HttpClient({ ...options, baseUrl });
  const { data } = await createApi(nobody).users.login(login);
  return fromSession(baseUrl, data, options);
}

/** Goes on with a session that was kept; `renewed` is told of each new pair of tokens. */
export function fromSession(
  baseUrl: string,
  tokens: SessionTokens,
  options: ConnectOptions & { readonly renewed?: (tokens: SessionTokens) => void } = {},
): RealmgateClient {
  const { renewed, ...rest } = options;
  const nobody = new HttpClient({ ...rest, baseUrl });
  return new RealmgateClient({
    ...rest,
    baseUrl,
    credential: sessionCredential(nobody, tokens, renewed),
  });
}

export class RealmgateClient {
  static readonly authenticate = authenticate;
  static readonly fromSession = fromSession;

  /** Every operation of the management API. */
  readonly api: Api;
  /** Where the token may be used, as it was when `fromToken` asked; null: not asked. */
  readonly restrictions: Restrictions | null;
  readonly #http: HttpClient;
  readonly #options: ClientOptions;

  /**
   * Configures itself from `/auth/tokens/me`: goes to the host of the one realm that the token is confined to. With several
   * realms, or none in particular, the host stays; `restrictions` says which there are. A realm that was asked for stays.
   */
  static async fromToken(
    baseUrl: string,
    token: string,
    options: ConnectOptions = {},
  ): Promise<RealmgateClient> {
    const client = new RealmgateClient({ ...options, baseUrl, credential: token });
    const { restrictions } = (await client.api.authTokens.getCurrent()).data;
    if (restrictions === undefined) return client;
    const [only, ...others] = restrictions.allowed_realm_ids;
    const isTold = only !== undefined && others.length === 0;
    const mustMove = client.realm === null && restrictions.requires_realm_scope && isTold;
    const moved = mustMove ? client.withRealm(only) : client;
    return new RealmgateClient(moved.#options, restrictions);
  }

  constructor(options: ClientOptions, restrictions: Restrictions | null = null) {
    this.#options = options;
    this.#http = new HttpClient(options);
    this.api = createApi(this.#http);
    this.restrictions = restrictions;
  }

  /** Where calls go, realm label included. */
  get baseUrl(): string {
    return this.#http.baseUrl;
  }

  /** The realm of the host; null: none. */
  get realm(): string | null {
    return this.#http.realm;
  }

  /** The same caller in a realm; null: on the host without one. Throws TypeError on an address, which has no labels. */
  withRealm(realm: string | null): RealmgateClient {
    return new RealmgateClient({ ...this.#options, realm }, this.restrictions);
  }

  /**
   * The programs of a container. What is missing of its name is asked for. Throws TypeError where the containers' domain
   * cannot be told from the API's host and `containersUrl` is not set; ApiError as `api.containers.get`.
   */
  async withContainer(
    { id, ...name }: ContainerName,
    credential: ProgramCredential | null = this.#options.programCredential ?? null,
  ): Promise<ContainerClient> {
    const containersUrl =
      this.#options.containersUrl ?? containersUrlOf(new URL(this.#http.baseUrl));
    if (containersUrl === null) {
      throw new TypeError(
        "say where containers are reached: containersUrl, such as http://containers.localhost:8000",
      );
    }
    let { project_id, server = name.server_name } = name;
    if (project_id === undefined || server === undefined) {
      const { data } = await this.api.containers.get(id);
      project_id ??= data.project_id;
      server ??= data.server_name;
    }
    const send = this.#options.fetch ?? ((url: string, init: RequestInit) => fetch(url, init));
    return new ContainerClient({
      place: { id, project_id, server },
      containersUrl,
      credential,
      fetch: send,
    });
  }
}

/** The name in the seeds' snippets: only their import line changes. */
export { RealmgateClient as HoodyClient };
