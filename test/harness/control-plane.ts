// A whole control plane in this process, over REST and gRPC, with a clock that the test moves.
import { randomBytes } from "node:crypto";
import type { DescMethod, DescService, MessageShape } from "@bufbuild/protobuf";
import type { Dispatch } from "../../proto/call.ts";
import { createDispatch } from "../../src/admin/api/dispatch.ts";
import { type GrpcServer, startGrpc } from "../../src/admin/api/grpc-server.ts";
import { listCursors } from "../../src/admin/api/list-cursor.ts";
import { revisionTokens } from "../../src/admin/api/revision.ts";
import { Callers } from "../../src/admin/auth/caller.ts";
import { LoginLimiter } from "../../src/admin/auth/login-limiter.ts";
import { PasswordLogin } from "../../src/admin/auth/password-login.ts";
import { Sessions } from "../../src/admin/auth/session.ts";
import { services } from "../../src/admin/services.ts";
import type { Enforced } from "../../src/admin/store/node-records.ts";
import { deriveKey, SecretBox } from "../../src/admin/store/sealed.ts";
import { openSqliteStore } from "../../src/admin/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/admin/store/store.ts";
import { startRest } from "../../src/gateway-rest/server.ts";
import { addressPolicy } from "../../src/policy/address-policy.ts";
import { NO_LINEAGE } from "../../src/policy/lineage.ts";
import { trustedProxies } from "../../src/proxy/gate/client-address.ts";
import { explainer } from "../../src/proxy/gate/explain.ts";
import { type GrpcAnswer, GrpcClient } from "./grpc-client.ts";
import { ImaginedConnections, MemoryLog } from "./traffic.ts";

export interface Request {
  readonly method: string;
  /** Below `/api/v1`, with the query. */
  readonly path: string;
  /** The realm of the host; null: the unscoped one. */
  readonly realm: string | null;
  readonly body?: unknown;
  readonly ifMatch?: string;
}

/** A whole answer, as the caller sees it. */
export interface Seen {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** Headers that differ from call to call by their nature; the opaque revision is meant to. */
const unequal = new Set(["date", "x-request-id", "x-realmgate-revision", "content-length"]);

const start = Date.UTC(2026, 0, 1);
const master = randomBytes(32);

export class ControlPlane implements AsyncDisposable {
  readonly store: Store;
  readonly exchangeLog = new MemoryLog(() => this.#now);
  readonly connections = new ImaginedConnections();
  readonly #sessions: Sessions;
  readonly #rest: ReturnType<typeof startRest>;
  readonly services: readonly DescService[];
  readonly #dispatch: Dispatch;
  #grpc: { readonly server: GrpcServer; readonly client: GrpcClient } | null = null;
  #now = start;
  /** What its own proxy enforces: whatever is stored. */
  enforced: Enforced = { enforcedRevision: 0, enforcedLineage: NO_LINEAGE };

  /** `tamper` puts something between the services and the store. */
  constructor(tamper: (store: Store) => Store = (store) => store) {
    const now = () => this.#now;
    const box = new SecretBox(master, "documents");
    this.store = openSqliteStore({ path: ":memory:", box, now });
    this.store.onCommit(() => {
      void this.store.head().then(({ revision, lineage }) => {
        this.enforced = { enforcedRevision: revision, enforcedLineage: lineage };
      });
    });
    const store = tamper(this.store);
    const log = { error: (fields: object) => console.error(fields) };
    this.#sessions = new Sessions(() => [deriveKey(master, "sessions")], now);
    const logins = new PasswordLogin(store, new LoginLimiter(() => now() / 1000));
    const callers = new Callers(store, this.#sessions, logins, now);
    const placement = addressPolicy(["10.0.0.0/8", "127.0.0.0/8"]);
    const revisions = revisionTokens(new SecretBox(master, "revisions"));
    const implementations = services({
      store,
      cursors: listCursors(new SecretBox(master, "cursors")),
      sessions: this.#sessions,
      logins,
      placement,
      explain: explainer({
        domain: "localhost",
        mayDial: (address) => placement.place(address) !== null,
        nodeOf: () => ({ programPorts: { terminal: 7681 }, isForbidden: () => false }),
      }),
      exchangeLog: this.exchangeLog,
      retentionDays: 180,
      connections: this.connections,
      domain: "localhost",
      localProcess: {
        serverName: "local",
        version: "1",
        enforced: () => this.enforced,
      },
      revisions,
      signup: true,
      now,
    });
    this.services = implementations.map(({ service }) => service);
    this.#dispatch = createDispatch({ implementations, store, callers, revisions, log });
    this.#rest = startRest({
      hostname: "127.0.0.1",
      port: 0,
      services: this.services,
      dispatch: this.#dispatch,
      proxies: trustedProxies([]),
      log,
    });
  }

  /** Where REST listens, for those who write their own bytes. */
  get restPort(): number {
    return this.#rest.port;
  }

  /** Where REST is served, by a name that a realm's label can stand before. */
  get restUrl(): string {
    return `http://localhost:${this.#rest.port}`;
  }

  /** Sets the clock: `step` seconds after the beginning. */
  at(step: number): void {
    this.#now = start + step * 1000;
  }

  /** The `Authorization` of a user's session. Sessions end after a day of the clock. */
  async session(username: string): Promise<string> {
    const user = await this.store.userForLogin({ username });
    if (user === null) throw new Error(`no user ${username}`);
    return `Bearer ${(await this.#sessions.issue(user, "access")).token}`;
  }

  async call(
    authorization: string | null,
    { method, path, realm, body, ifMatch }: Request,
  ): Promise<Seen> {
    const headers = new Headers(authorization === null ? {} : { authorization });
    headers.set("host", `${realm === null ? "" : `${realm}.`}api.localhost`);
    if (ifMatch !== undefined) headers.set("if-match", ifMatch);
    if (body !== undefined) headers.set("content-type", "application/json");
    const response = await fetch(`http://127.0.0.1:${this.#rest.port}/api/v1${path}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    });
    const seen = [...response.headers].filter(([name]) => !unequal.has(name)).sort();
    return {
      status: response.status,
      headers: Object.fromEntries(seen),
      text: await response.text(),
    };
  }

  /** A call that has to succeed; its `data`. */
  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it.
  async data(authorization: string, request: Request): Promise<any> {
    const { status, text } = await this.call(authorization, request);
    if (status >= 300) throw new Error(`${request.method} ${request.path}: ${status} ${text}`);
    return JSON.parse(text).data;
  }

  /** The same over gRPC, which listens from the first such call on. */
  async grpc<Method extends DescMethod>(
    authorization: string | null,
    method: Method,
    message: MessageShape<Method["input"]>,
    { realm, ifMatch }: { readonly realm: string | null; readonly ifMatch?: string },
  ): Promise<GrpcAnswer<MessageShape<Method["output"]>>> {
    if (this.#grpc === null) {
      const listen = { hostname: "127.0.0.1", port: 0 };
      const server = await startGrpc({
        ...listen,
        services: this.services,
        dispatch: this.#dispatch,
        proxies: trustedProxies([]),
      });
      this.#grpc = { server, client: new GrpcClient(server.port) };
    }
    return this.#grpc.client.call(method, message, {
      ...(authorization === null ? {} : { authorization }),
      ...(realm === null ? {} : { "x-realm-id": realm }),
      ...(ifMatch === undefined ? {} : { "if-match": ifMatch }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#grpc?.client[Symbol.dispose]();
    await this.#grpc?.server.stop();
    await this.#rest.stop();
    await this.store.close();
  }
}
