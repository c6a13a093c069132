// Who calls in the description of projects and realms: accounts, and the auth tokens that they make.
import { type Answer, Api } from "../../harness/client.ts";
import type { Urls } from "../../harness/program.ts";

/** The realm that the description writes out. */
export const REALM = "507f1f77bcf86cd799439011";
/** Its realm `staging`. */
export const STAGING = "60d5f1f3a3b4f9c3e8a1b2c3";

/** On which host, and from where; the unscoped host and this machine when unset. */
export interface Where {
  readonly realm?: string;
  readonly from?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it.
type Data = any;

/** Somebody with a credential, on `api.localhost` or `<realm>.api.localhost`. */
export class Caller {
  readonly #urls: Urls;
  readonly #api: Api;

  constructor(urls: Urls, authorization: string | null) {
    this.#urls = urls;
    this.#api = new Api(urls.rest, authorization);
  }

  call(method: string, path: string, body?: unknown, where: Where = {}): Promise<Answer> {
    const { realm, from } = where;
    const headers = {
      host: realm === undefined ? "api.localhost" : `${realm}.api.localhost`,
      ...(from === undefined ? {} : { "x-forwarded-for": from }),
    };
    return this.#api.call(method, path, { headers, ...(body === undefined ? {} : { body }) });
  }

  /** A call that has to succeed; its `data`. */
  async data(method: string, path: string, body?: unknown, where?: Where): Promise<Data> {
    const answer = await this.call(method, path, body, where);
    if (answer.status >= 300) {
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body.data;
  }

  /** What a call comes to, in one word: its status, and the code of a refusal. */
  async fate(method: string, path: string, body?: unknown, where?: Where): Promise<string> {
    const { status, body: answer } = await this.call(method, path, body, where);
    return status < 300 ? String(status) : `${status} ${answer.code}`;
  }

  /** POST /auth/tokens: whoever has the new token. */
  async token(body: object, where?: Where): Promise<Holder> {
    const made = await this.data("POST", "/auth/tokens", body, where);
    return new Holder(this.#urls, made);
  }

  /** Names or ids of what a list shows, sorted. */
  async listed(
    what: "projects" | "containers",
    where?: Where,
    key: "name" | "alias" | "id" = what === "projects" ? "alias" : "name",
  ): Promise<string[]> {
    const data = await this.data("GET", `/${what}/?limit=100`, undefined, where);
    expectTotal(data.pagination.total, data[what].length);
    return data[what].map((each: Data) => each[key]).sort();
  }
}

/** Somebody who was given an auth token. */
export class Holder extends Caller {
  readonly id: string;
  /** What its creation answered, the secret included. */
  readonly made: Data;

  constructor(urls: Urls, made: Data) {
    super(urls, `Bearer ${made.token}`);
    this.id = made.id;
    this.made = made;
  }
}

/** A user in a session, without a project but the default one. */
export class Account extends Caller {
  readonly userId: string;
  readonly email: string;
  readonly password: string;
  readonly #urls: Urls;

  private constructor(urls: Urls, parts: { user: Data; token: string; password: string }) {
    super(urls, `Bearer ${parts.token}`);
    this.#urls = urls;
    this.userId = parts.user.id;
    this.email = parts.user.email;
    this.password = parts.password;
  }

  static #made = 0;

  /** Signs up, from a network of its own, as that is rationed, and logs in with the address as `username`. */
  static async open(urls: Urls): Promise<Account> {
    const serial = ++Account.#made;
    const password = "Correct horse 1";
    const email = `provider${serial}@example.test`;
    const anybody = new Caller(urls, null);
    const from = `198.51.100.${serial}`;
    await anybody.data("POST", "/auth/signup", { email, password }, { from });
    const credentials = { username: email, password };
    const { user, token } = await anybody.data("POST", "/users/auth/login", credentials);
    return new Account(urls, { user, token, password });
  }

  /** Somebody with this secret, as it was handed over. */
  holder(secret: string): Caller {
    return new Caller(this.#urls, `Bearer ${secret}`);
  }

  /** $SERVER_ID: the one server there is. */
  async serverId(): Promise<string> {
    const { servers } = await this.data("GET", "/servers/");
    return servers[0].id;
  }

  /** A project; its id. */
  async project(alias: string, where?: Where): Promise<string> {
    return (await this.data("POST", "/projects/", { alias }, where)).id;
  }

  /** A container; its id. */
  async container(projectId: string, name: string, where?: Where): Promise<string> {
    const body = { server_id: await this.serverId(), name, hoody_kit: true };
    return (await this.data("POST", `/projects/${projectId}/containers`, body, where)).id;
  }
}

function expectTotal(total: number, length: number): void {
  if (total !== length) throw new Error(`the list says ${total} and has ${length}`);
}
