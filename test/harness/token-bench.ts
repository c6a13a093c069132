// The token service behind the real dispatch and store, with a clock, hosts and addresses that the test chooses. Of the other
// services only the door is there: their methods answer nothing to whoever is let in.
import { randomBytes } from "node:crypto";
import {
  create,
  type DescMethod,
  type DescService,
  fromJson,
  type JsonObject,
  toJson,
} from "@bufbuild/protobuf";
import type { Dispatch } from "../../proto/call.ts";
import { refusalOf } from "../../proto/errors.ts";
import { AliasService } from "../../proto/gen/realmgate/v1/aliases_pb.ts";
import { ContainerService } from "../../proto/gen/realmgate/v1/containers_pb.ts";
import { ProjectService } from "../../proto/gen/realmgate/v1/projects_pb.ts";
import { RealmService } from "../../proto/gen/realmgate/v1/realms_pb.ts";
import { TokenService } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { createDispatch, type Implementation } from "../../src/admin/api/dispatch.ts";
import { listCursors } from "../../src/admin/api/list-cursor.ts";
import { revisionTokens } from "../../src/admin/api/revision.ts";
import { Callers } from "../../src/admin/auth/caller.ts";
import { LoginLimiter } from "../../src/admin/auth/login-limiter.ts";
import { PasswordLogin } from "../../src/admin/auth/password-login.ts";
import { Sessions } from "../../src/admin/auth/session.ts";
import type { NewToken, User } from "../../src/admin/store/records.ts";
import { deriveKey, SecretBox } from "../../src/admin/store/sealed.ts";
import { openSqliteStore } from "../../src/admin/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/admin/store/store.ts";
import { tokenService } from "../../src/admin/tokens/token-service.ts";

const master = randomBytes(32);
const dayMs = 86_400_000;

/** Where a call comes from and goes to. */
export interface From {
  /** The realm of the host; none when unset. */
  readonly realm?: string | undefined;
  /** The client's address; 192.0.2.1 when unset. */
  readonly address?: string;
  /** The query's `realm_id`. */
  readonly filter?: string;
}

/** What came of a call: the answer as JSON, or the machine code of its refusal. */
export interface Outcome {
  readonly code: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it.
  readonly data: any;
  /** Where the request is wrong, as JSON pointers. */
  readonly at: readonly string[];
}

export class TokenBench {
  readonly store: Store;
  now = Date.UTC(2026, 0, 1, 12);
  readonly #sessions: Sessions;
  readonly #dispatch: Dispatch;
  /** Sessions by the name of their user. */
  readonly #credentials = new Map<string, { user: User; issuedAt: number; session: string }>();

  /** `path`: of the database; in memory when unset. */
  constructor(path = ":memory:") {
    const now = () => this.now;
    const box = new SecretBox(master, "documents");
    this.store = openSqliteStore({ path, box, now });
    this.#sessions = new Sessions(() => [deriveKey(master, "sessions")], now);
    const cursors = listCursors(new SecretBox(master, "cursors"));
    const logins = new PasswordLogin(this.store, new LoginLimiter(() => now() / 1000));
    this.#dispatch = createDispatch({
      implementations: [tokenService({ store: this.store, cursors, now }), ...doors],
      store: this.store,
      callers: new Callers(this.store, this.#sessions, logins, now),
      revisions: revisionTokens(new SecretBox(master, "revisions")),
      log: {
        error: ({ err }: { err?: unknown }) => {
          throw err;
        },
      },
    });
  }

  /** A user; `admin`, the first, is an operator. */
  async addUser(username: string): Promise<User> {
    if (!(await this.store.createFirstUser({ username, passwordHash: "" }))) {
      const email = `${username}@example.com`;
      await this.store.createUser({ username, email, passwordHash: "" });
    }
    const user = await this.store.userForLogin({ username });
    if (user === null) throw new Error(`${username} was not stored`);
    this.#credentials.set(username, { user, issuedAt: 0, session: "" });
    return user;
  }

  days(count: number): void {
    this.now += count * dayMs;
  }

  /** `who`: the name of a user, for a session, or the secret of a token. */
  async call(
    who: string,
    method: DescMethod,
    json: JsonObject = {},
    { realm, address = "192.0.2.1", filter }: From = {},
  ): Promise<Outcome> {
    const reply = await this.#dispatch({
      method,
      credential: `Bearer ${await this.#secretOf(who)}`,
      authority: `${realm === undefined ? "" : `${realm}.`}api.localhost`,
      realmId: null,
      realmFilter: filter ?? null,
      ifMatch: null,
      clientAddress: address,
      requestId: "request-1",
      message: () => fromJson(method.input, withMask(method, json)),
    });
    if (!reply.ok) {
      const at = reply.violations.map(({ instancePath }) => instancePath);
      return { code: refusalOf(reply.code).code, data: null, at };
    }
    const data = toJson(method.output, reply.message, { useProtoFieldName: true });
    return { code: "ok", data, at: [] };
  }

  /** A call that has to succeed; its answer. */
  async data(
    who: string,
    method: DescMethod,
    json?: JsonObject,
    from?: From,
  ): Promise<Outcome["data"]> {
    const { code, data, at } = await this.call(who, method, json, from);
    if (code !== "ok") throw new Error(`${method.name} ${JSON.stringify(json)}: ${code} ${at}`);
    return data;
  }

  /** The new token with its secret. */
  create(who: string, json: JsonObject = {}, from?: From): Promise<Outcome["data"]> {
    return this.data(who, TokenService.method.createToken, json, from);
  }

  /** Makes many tokens of a user, as its session would, without asking anybody. */
  async fill(username: string, count: number, fields: Partial<NewToken> = {}): Promise<void> {
    const known = this.#credentials.get(username);
    if (known === undefined) throw new Error(`no user ${username}`);
    const writer = { userId: known.user.id, realms: [], confinedTo: null, madeFrom: null };
    for (let n = 0; n < count; n++) {
      const secretHash = randomBytes(32);
      const alias = `filler ${n}`;
      await this.store.createToken(writer, { ...plainToken, alias, secretHash, ...fields });
    }
  }

  /** The session of a user, a new one whenever the clock has moved; or else the secret itself. */
  async #secretOf(who: string): Promise<string> {
    const known = this.#credentials.get(who);
    if (known === undefined) return who;
    if (known.issuedAt !== this.now) {
      known.issuedAt = this.now;
      known.session = (await this.#sessions.issue(known.user, "access")).token;
    }
    return known.session;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
  }
}

/** As REST does: the keys of the body are what is to change. */
function withMask(method: DescMethod, json: JsonObject): JsonObject {
  const mask = method.input.fields.find(({ name }) => name === "update_mask");
  if (mask === undefined) return json;
  const camel = (name: string) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return { ...json, update_mask: Object.keys(json).map(camel).join(",") };
}

/** A token that says nothing. */
export const plainToken: NewToken = {
  alias: "plain",
  publicKey: null,
  publicStorage: null,
  ipWhitelist: ["*"],
  permissions: "{}",
  realmIds: [],
  allowNoRealm: true,
  vaultAccess: false,
  eventAccess: true,
  expiresAt: null,
  createdByTokenId: null,
  delegationDepth: 0,
};

function door(service: DescService): Implementation {
  const methods = service.methods.map(({ localName, output }) => [
    localName,
    async () => ({ message: create(output) }),
  ]);
  return { service, methods: Object.fromEntries(methods) };
}

const doors = [ProjectService, ContainerService, RealmService, AliasService].map(door);
