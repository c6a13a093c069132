// The TypeScript client: the whole management API over REST, and the programs behind the gate. Runs on Bun, Node 20 and in
// browsers; it needs only fetch.
import { ContainerClient } from "./container-client.ts";
import { containersUrlOf } from "./containers-url.ts";
import { createApi } from "./create-api.ts";
import type { Api, Restrictions } from "./gen/api.ts";
import { HttpClient, type HttpOptions } from "./http.ts";
import type { ProgramCredential } from "./program-credential.ts";
import { type SessionTokens, sessionCredential } from "./session.ts";

export interface ClientOptions extends HttpOptions {
  /**
   * URL of the containers' domain, without the server's label: `https://containers.example.com`. Derived from the API's host
   * when unset; required when that is an IP address or this machine (`http://containers.localhost:8000`).
   */
  readonly containersUrl?: string | undefined;
  /** For the programs of containers; unset: none. */
  readonly programCredential?: ProgramCredential | null | undefined;
}

/** Options that are not arguments. */
export type ConnectOptions = Omit<ClientOptions, "baseUrl" | "credential">;

/** A user's name, or e-mail address, and password. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

/** Identifies a container; an answer of `api.containers` fits. Missing parts are fetched. */
export interface ContainerName {
  readonly id: string;
  readonly project_id?: string;
  readonly server?: string;
  readonly server_name?: string;
}

/** Logs in; the client renews the session when it expires. Throws ApiError INVALID_CREDENTIALS, and what every call throws. */
export async function authenticate(
  baseUrl: string,
  login: Login,
  options: ConnectOptions = {},
): Promise<RealmgateClient> {
  const anonymous = new HttpClient({ ...options, baseUrl });
  const { data } = await createApi(anonymous).users.login(login);
  return fromSession(baseUrl, data, options);
}

/** Continues a stored session; calls `renewed` with each new pair of tokens. */
export function fromSession(
  baseUrl: string,
  tokens: SessionTokens,
  options: ConnectOptions & { readonly renewed?: (tokens: SessionTokens) => void } = {},
): RealmgateClient {
  const { renewed, ...rest } = options;
  const anonymous = new HttpClient({ ...rest, baseUrl });
  return new RealmgateClient({
    ...rest,
    baseUrl,
    credential: sessionCredential(anonymous, tokens, renewed),
  });
}

export class RealmgateClient {
  static readonly authenticate = authenticate;
  static readonly fromSession = fromSession;

  /** Every operation of the management API. */
  readonly api: Api;
  /** Restrictions of the token when `fromToken` fetched them; null: not fetched. */
  readonly restrictions: Restrictions | null;
  readonly #http: HttpClient;
  readonly #options: ClientOptions;

  /**
   * Configures itself from `/auth/tokens/me`: switches to the realm's host when the token is restricted to exactly one realm.
   * With several realms or none it keeps the host; `restrictions` lists them. An explicit realm is kept.
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

  /** Base URL of all calls, including the realm label. */
  get baseUrl(): string {
    return this.#http.baseUrl;
  }

  /** Realm that the host names; null: none. */
  get realm(): string | null {
    return this.#http.realm;
  }

  /** The same caller in another realm; null: in none. Throws TypeError when the host is an IP address, which has no labels. */
  withRealm(realm: string | null): RealmgateClient {
    return new RealmgateClient({ ...this.#options, realm }, this.restrictions);
  }

  /**
   * The programs of a container; fetches the missing parts of its name. Throws TypeError when the containers' domain cannot be
   * derived from the API's host and `containersUrl` is unset, ApiError as `api.containers.get` does.
   */
  async withContainer(
    { id, ...name }: ContainerName,
    credential: ProgramCredential | null = this.#options.programCredential ?? null,
  ): Promise<ContainerClient> {
    const containersUrl =
      this.#options.containersUrl ?? containersUrlOf(new URL(this.#http.baseUrl));
    if (containersUrl === null) {
      throw new TypeError(
        "containersUrl is required here, such as http://containers.localhost:8000",
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

/** Compatibility name: programs written for the Hoody client change only their import line. */
export { RealmgateClient as HoodyClient };
