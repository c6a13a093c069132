// The control plane of one node: the database, the management API and the change feed.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { createDispatch } from "../admin/api/dispatch.ts";
import { startGrpc } from "../admin/api/grpc-server.ts";
import { listCursors } from "../admin/api/list-cursor.ts";
import type { RevisionTokens } from "../admin/api/revision.ts";
import { Callers } from "../admin/auth/caller.ts";
import { LoginLimiter } from "../admin/auth/login-limiter.ts";
import { PasswordLogin } from "../admin/auth/password-login.ts";
import { Sessions } from "../admin/auth/session.ts";
import type { ConnectionPort } from "../admin/containers/connection-service.ts";
import type { LogPort } from "../admin/containers/log-service.ts";
import type { PortOf } from "../admin/containers/traffic-port.ts";
import { changeSource, type StoreChangeSource } from "../admin/feed/change-source.ts";
import type { LocalEnforcement } from "../admin/nodes/enforcement-service.ts";
import { NodeAccess, proxyKeys } from "../admin/nodes/node-access.ts";
import type { LocalProcess } from "../admin/nodes/process-status.ts";
import { services as publicServices } from "../admin/services.ts";
import type { KeyRing } from "../admin/store/key-ring.ts";
import type { ConnectionOptions } from "../admin/store/postgres/connections.ts";
import type { DatabaseOptions } from "../admin/store/postgres/database.ts";
import type { PrepareOptions } from "../admin/store/postgres/prepare-database.ts";
import { keyPlaces, type SqliteOptions } from "../admin/store/sqlite/database.ts";
import { type FileState, fileState, opensWith } from "../admin/store/sqlite/inspect.ts";
import { openSqliteStore, type SqliteStore } from "../admin/store/sqlite/sqlite-store.ts";
import type { Store } from "../admin/store/store.ts";
import { OtherSecretKey } from "../admin/store/store-errors.ts";
import type { Config } from "../config/config.ts";
import { descriptorBudget, descriptorLimit } from "../config/descriptor-budget.ts";
import type { ListenAddress } from "../config/setting-readers.ts";
import { startRest } from "../gateway-rest/server.ts";
import type { RelayLimits } from "../guard/relayed.ts";
import { RELAY_SERVER_HOST } from "../guard/server-peer.ts";
import type { Log } from "../log.ts";
import type { AddressPolicy } from "../policy/address-policy.ts";
import type { RecentPolicies } from "../policy/recent-policies.ts";
import { trustedProxies } from "../proxy/gate/client-address.ts";
import type { DialingNode } from "../proxy/gate/explain.ts";
import { explainer } from "../proxy/gate/explain.ts";
import { watchApiCertificate } from "./api-certificate.ts";
import type { ApiMetrics } from "./api-metrics.ts";
import { clockOffset, clockProblem } from "./clock-offset.ts";
import { restoreDraft } from "./data-files.ts";
import { DatabaseInUse, lockDatabase } from "./data-lock.ts";
import { throwListenError, withListenError } from "./listen-error.ts";
import { withMadePassword } from "./made-password.ts";
import { purgeOld } from "./purge-old.ts";
import { type ShutdownStep, shutdown } from "./shutdown.ts";

interface ControlPlaneOptions {
  readonly config: Config;
  readonly ring: KeyRing;
  readonly revisions: RevisionTokens;
  readonly placement: AddressPolicy;
  /** The data plane's: proves that there was a database. */
  readonly snapshotPath: string;
  /** Hands compiled documents to the proxy of the same process. */
  readonly recentPolicies: RecentPolicies;
  /** Called before anything listens, with how far the clock of the database is ahead of this one's, in milliseconds. */
  readonly storeOpened?: (store: Store, clockOffsetMs: number) => Promise<void>;
  /** The node that dials the containers of a server. */
  readonly nodeOf: (server: string) => DialingNode;
  /** The proxy of this process; null: there is none. */
  readonly localProcess: LocalProcess | null;
  /** How far the proxy of this process is; null: there is none. */
  readonly localEnforcement: LocalEnforcement | null;
  /** Null: there is none. */
  readonly exchangeLog: PortOf<LogPort>;
  /** What goes on at the proxy. */
  readonly connections: PortOf<ConnectionPort>;
  /** Authorities of gateways' certificates, each as PEM. Null or unset: nobody is asked for one. */
  readonly nodeAuthorities?: readonly string[] | null;
  /** Called when a node is revoked. */
  readonly nodeRevoked?: (id: string) => void;
  /** The clock by which processes of nodes are heard, in milliseconds; unset: this one's. */
  readonly heardNow?: () => number;
  readonly metrics: ApiMetrics;
  readonly log: Log;
}

export interface ControlPlane {
  /** Null: it is off. */
  readonly rest: ListenAddress | null;
  readonly grpc: ListenAddress | null;
  /** All that it listens on, the servers behind the relays included. */
  readonly listeners: readonly ListenAddress[];
  readonly source: StoreChangeSource;
  readonly store: Store;
  /** Seals values anew, some at a time; null: rotate-key does so, as other processes have the database, too. */
  readonly reseal: SqliteStore["reseal"] | null;
  readonly nodes: NodeAccess;
  /** Looks whether the files of the API's certificate have changed. Resolves when that is done. */
  reloadTls(): Promise<void>;
  /** Stops the API; running calls may take this many milliseconds. */
  stopApi(limitMs: number): Promise<void>;
  /** Makes the first user where there is none; its password is printed once, unless it was set. */
  createFirstUser(): Promise<void>;
  /** Closes the database; the source must not be used afterwards. */
  close(): Promise<void>;
}

/** The database cannot be opened or read, or has been lost. Another process that holds it is DatabaseInUse instead. */
export class DatabaseUnusable extends Error {}

/**
 * Throws DatabaseUnusable when the database is missing or empty but a snapshot proves that there was one, when only a part of
 * it is there, or when it has another key. Changes nothing. A new, empty database would close every container, and its feed would replace the snapshot.
 */
export function refuseLoss(databasePath: string, snapshotPath: string, ring: KeyRing): void {
  const state = knownState(databasePath);
  const cutOff = state === null ? null : unfinishedRestore(databasePath, state);
  if (cutOff !== null) throw new DatabaseUnusable(cutOff);
  if (state === "partial") throw new DatabaseUnusable(partialDatabase(databasePath));
  if (existsSync(snapshotPath) && (state === "missing" || state === "new")) {
    throw new DatabaseUnusable(lostDatabase(databasePath, snapshotPath));
  }
  // Opening it says so, too, but has written by then.
  if (state === "current" && knownKey(databasePath, ring) === false) {
    throw new DatabaseUnusable(
      `${databasePath} cannot be used: ${new OtherSecretKey(keyPlaces).message}`,
    );
  }
}

/** Whether the key is the file's; null: it cannot be read here, as in a directory that is read-only. */
function knownKey(databasePath: string, ring: KeyRing): boolean | null {
  try {
    return opensWith(databasePath, ring.valueBox());
  } catch {
    return null;
  }
}

/** Null: the file cannot be read, which opening it will say. */
function knownState(databasePath: string): FileState | null {
  try {
    return fileState(databasePath);
  } catch {
    return null;
  }
}

/** What to do where a restore was cut off after it had begun to set things aside; null: none was. */
export function unfinishedRestore(databasePath: string, state: FileState): string | null {
  const draft = restoreDraft(databasePath);
  const isWhole = state !== "missing" && state !== "new" && state !== "partial";
  if (isWhole || !existsSync(draft)) return null;
  return `${draft} is left of a restore that was cut off: run realmgate restore again; what was there before is kept as *.before-restore-*`;
}

export function lostDatabase(databasePath: string, snapshotPath: string): string {
  return `${databasePath} is missing or empty, but ${snapshotPath} was made from it: restore the database, or remove the snapshot to start afresh`;
}

export function partialDatabase(databasePath: string): string {
  return `${databasePath} is a part of a database: the file was copied alone while a gate ran. Copy ${databasePath}-wal, too, or use realmgate backup`;
}

/** The same of a database on a server; null: it may be new. */
export function whyNotNew(snapshotPath: string): string | null {
  if (!existsSync(snapshotPath)) return null;
  return (
    `it is empty, but ${snapshotPath} was made from another database: ` +
    "name that in REALMGATE_DATABASE_URL, restore it, or remove the snapshot to start afresh"
  );
}

/**
 * Opens the database and listens. Rejects with DatabaseUnusable, DatabaseInUse, or an error that names the address that cannot
 * be bound; then nothing is left open.
 */
export async function openControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { config, ring, log } = options;
  const closes: ShutdownStep[] = [];
  const stops: ShutdownStep[] = [];
  try {
    const opened = await openDatabase(options, closes);
    const store = options.metrics.timed(opened.store);
    const offsetMs = await clockOffset(store.feed).catch((cause) => {
      throw new DatabaseUnusable("the clock of the database cannot be read", { cause });
    });
    const problem = clockProblem(offsetMs, "the database");
    if (problem !== null) throw new DatabaseUnusable(problem);
    await options.storeOpened?.(store, offsetMs);
    const nodes = new NodeAccess({
      store: store.feed,
      keysFor: (node) => proxyKeys(ring.first, node),
      domain: config.domain,
    });
    const api = await startApi(options, store, nodes, stops);
    stops.push(purgeOld(store, config.eventRetentionDays, log));
    return {
      ...api,
      store,
      reseal: opened.reseal,
      nodes,
      source: changeSource(store.feed),
      createFirstUser: () => createFirstUser(config, store),
      stopApi: (limitMs) => shutdown(stops, limitMs, log),
      close: () => shutdown(closes),
    };
  } catch (error) {
    await shutdown(stops, config.drainS * 1000, log);
    await shutdown(closes);
    throw error;
  }
}

type OpenedDatabase = Pick<ControlPlane, "store" | "reseal">;

/** Opens the database and reads from it, so that a damaged file or a wrong key fails here. */
async function openDatabase(
  { config, ring, snapshotPath, localProcess, log }: ControlPlaneOptions,
  closes: ShutdownStep[],
): Promise<OpenedDatabase> {
  if (config.postgres === null) refuseLoss(config.databasePath, snapshotPath, ring);
  const options = {
    box: ring.valueBox(),
    now: Date.now,
    quotas: config.quotas,
  };
  try {
    const { postgres } = config;
    const { store, reseal } =
      postgres === null
        ? openFile(config.databasePath, options, closes)
        : await openServer(postgres, { ...options, notNew: whyNotNew(snapshotPath) });
    closes.push(() => store.close());
    if (localProcess !== null) await store.registerServer(localProcess.serverName);
    if (config.adminPassword !== null && (await store.hasUsers())) {
      log.info(
        {},
        "REALMGATE_ADMIN_PASSWORD applies to the first start only; there are users already",
      );
    }
    return { store, reseal };
  } catch (error) {
    if (error instanceof DatabaseInUse) throw error;
    const { message } = error instanceof Error ? error : new Error(String(error));
    const { databasePath, postgres } = config;
    const place = postgres === null ? databasePath : `the database ${databaseAt(postgres.url)}`;
    throw new DatabaseUnusable(`${place} cannot be used: ${message}`, { cause: error });
  }
}

/** Opens the database on a PostgreSQL server. Its driver is loaded only then: most starts do without. */
async function openServer(
  connection: ConnectionOptions,
  options: DatabaseOptions & PrepareOptions,
): Promise<OpenedDatabase> {
  const { openPostgresStore } = await import("../admin/store/postgres/postgres-store.ts");
  return { store: await openPostgresStore({ ...connection, ...options }), reseal: null };
}

/** Opens the SQLite file, which no other process may have. */
function openFile(
  path: string,
  options: Omit<SqliteOptions, "path">,
  closes: ShutdownStep[],
): OpenedDatabase {
  const unlock = lockDatabase(path);
  closes.push(async () => unlock());
  const store = openSqliteStore({ path, ...options });
  return { store, reseal: (cursor) => store.reseal(cursor) };
}

/** The host and the database, without user and password. */
export function databaseAt(url: string): string {
  const [place = ""] = url.slice(url.lastIndexOf("@") + 1).split("?");
  return place.replace(/^[a-z]+:\/\//, "");
}

async function startApi(
  options: ControlPlaneOptions,
  store: Store,
  nodes: NodeAccess,
  stops: ShutdownStep[],
): Promise<Pick<ControlPlane, "rest" | "grpc" | "listeners" | "reloadTls">> {
  const { config, ring, revisions, placement, recentPolicies, nodeOf, log } = options;
  const { nodeAuthorities = null } = options;
  const sessions = new Sessions(() => ring.derived("sessions"), Date.now);
  const logins = new PasswordLogin(
    store,
    new LoginLimiter(
      () => performance.now() / 1000,
      (...counted) => store.countShared(...counted),
    ),
  );
  const implementations = publicServices({
    store,
    cursors: listCursors(ring.box("cursors")),
    sessions,
    logins,
    placement,
    recentPolicies,
    explain: explainer({
      domain: config.domain,
      mayDial: (address) => placement.place(address) !== null,
      nodeOf,
    }),
    exchangeLog: options.exchangeLog,
    retentionDays: config.eventRetentionDays,
    connections: options.connections,
    domain: config.domain,
    localProcess: options.localProcess,
    localEnforcement: options.localEnforcement,
    revisions,
    nodeRevoked: (id) => {
      nodes.forget();
      options.nodeRevoked?.(id);
    },
    signup: config.signup,
    now: Date.now,
    heardNow: options.heardNow ?? Date.now,
  });
  const callers = new Callers(store, sessions, logins, Date.now);
  const { metrics } = options;
  const dispatch = metrics.observed(
    createDispatch({ implementations, store, callers, revisions, events: metrics, log }),
  );
  const services = implementations.map(({ service }) => service);
  const tls = config.apiTls?.pair ?? null;
  const proxies = trustedProxies(config.trustedProxies);
  const limits = connectionLimits(config);
  const { restListen, grpcListen, domain } = config;
  const common = { tls, services, domain, dispatch, proxies, limits };
  const rest =
    restListen === null
      ? null
      : withListenError("REST", restListen, () => startRest({ ...restListen, ...common, log }));
  stops.push(async () => rest?.stop());
  const grpc =
    grpcListen === null
      ? null
      : await startGrpc({
          ...{ ...grpcListen, ...common, nodeAuthorities },
          gatewayProblem: (said, certificate) => nodes.gatewayProblem(said, certificate),
        }).catch((error) => throwListenError("GRPC", grpcListen, error));
  stops.push(async () => grpc?.stop());
  const servers = [rest, grpc].filter((each) => each !== null);
  const { apiTls } = config;
  const certificate = apiTls === null ? null : watchApiCertificate(apiTls, servers, log);
  if (certificate !== null) metrics.certificates.set("api", () => certificate.notAfterMs ?? 0);
  stops.push(async () => certificate?.stop());
  const inner = servers.map(({ innerPort }) => ({ hostname: RELAY_SERVER_HOST, port: innerPort }));
  return {
    rest,
    grpc,
    listeners: [...servers, ...inner],
    reloadTls: async () => certificate?.check(),
  };
}

/** Of each of the two listeners. */
function connectionLimits(config: Config): Pick<RelayLimits, "connectionsMax" | "perNetworkMax"> {
  const connectionsMax = Math.max(
    1,
    Math.floor(descriptorBudget(descriptorLimit(), config).api / 2),
  );
  const perNetworkMax =
    config.apiConnectionsPerNetworkMax ?? Math.max(1, Math.floor(connectionsMax / 2));
  return { connectionsMax, perNetworkMax };
}

async function createFirstUser(config: Config, store: Store): Promise<void> {
  if (await store.hasUsers()) return;
  const username = config.adminUsername;
  const password = config.adminPassword ?? randomBytes(18).toString("base64url");
  const passwordHash = await Bun.password.hash(password, "argon2id");
  const made = config.adminPassword === null ? `user ${username}, password ${password}` : null;
  const write = () => store.createFirstUser({ username, passwordHash });
  // Not through the log: logs are stored and shipped.
  const created = await withMadePassword(made, write);
  if (created && made !== null) console.error(`realmgate: first ${made} (shown only now)`);
}
