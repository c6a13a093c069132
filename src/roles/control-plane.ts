// The control plane of one box: the database, the management API on it, and its change feed.
import { randomBytes } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { createDispatch } from "../admin/api/dispatch.ts";
import { startGrpc } from "../admin/api/grpc-server.ts";
import type { RevisionTokens } from "../admin/api/revision.ts";
import { Callers } from "../admin/auth/caller.ts";
import { LoginLimiter } from "../admin/auth/login-limiter.ts";
import { PasswordLogin } from "../admin/auth/password-login.ts";
import { Sessions } from "../admin/auth/session.ts";
import type { ChangeSource } from "../admin/feed/change-source.ts";
import { changeSource } from "../admin/feed/change-source.ts";
import { services as publicServices } from "../admin/services.ts";
import { deriveKey, SecretBox } from "../admin/store/sealed.ts";
import { openSqliteStore } from "../admin/store/sqlite/sqlite-store.ts";
import type { Store } from "../admin/store/store.ts";
import type { Config, Listen } from "../config/config.ts";
import { startRest } from "../gateway-rest/server.ts";
import type { Log } from "../log.ts";
import type { Placement } from "../policy/placement.ts";
import type { RecentPolicies } from "../policy/recent-policies.ts";
import { trustedProxies } from "../proxy/gate/client-address.ts";
import { explainer } from "../proxy/gate/explain.ts";
import { DatabaseInUse, lockDatabase } from "./data-lock.ts";
import { cannotListen, listening } from "./listen-error.ts";
import { type Stop, stopAll } from "./shutdown.ts";

export interface ControlPlaneOptions {
  readonly config: Config;
  readonly master: Buffer;
  readonly revisions: RevisionTokens;
  readonly placement: Placement;
  /** Hands compiled documents to the proxy of the same process. */
  readonly recentPolicies: RecentPolicies;
  /** Whether one of our own listeners is there. */
  readonly isForbidden: (address: string, port: number) => boolean;
  readonly log: Log;
}

export interface ControlPlane {
  readonly rest: Listen;
  readonly grpc: Listen;
  readonly source: ChangeSource;
  /** Ends the API; running calls have this long, in milliseconds. */
  stopApi(boundMs: number): Promise<void>;
  /** Closes the database: nobody may need the source any more. */
  close(): Promise<void>;
}

/** The database cannot be opened or read, or is not what it was, and it is not because somebody else has it. */
export class DatabaseUnusable extends Error {}

/**
 * Throws DatabaseUnusable where a database would be made anew although a snapshot says that there was one: an empty one would
 * close every container, and its word would replace the snapshot's.
 */
export function refuseLoss(databasePath: string, snapshotPath: string): void {
  const bytes = [databasePath, `${databasePath}-wal`].map(
    (path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0,
  );
  if (existsSync(snapshotPath) && bytes.every((size) => size === 0)) {
    throw new DatabaseUnusable(
      `${databasePath} is gone or empty, and ${snapshotPath} says that it was not: ` +
        "bring it back, or remove the snapshot to begin anew",
    );
  }
}

/**
 * Opens the database and listens. Rejects with DatabaseUnusable, DatabaseInUse, or when an address cannot be had; then nothing
 * is open.
 */
export async function openControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { config, log } = options;
  const closes: Stop[] = [];
  const stops: Stop[] = [];
  try {
    const store = await openDatabase(options, closes);
    const api = await startApi(options, store, stops);
    return {
      ...api,
      source: changeSource(store),
      stopApi: (boundMs) => stopAll(stops, boundMs, log),
      close: () => stopAll(closes),
    };
  } catch (error) {
    await stopAll(stops, config.drainS * 1000, log);
    await stopAll(closes);
    throw error;
  }
}

/** As far as to have read something of it. */
async function openDatabase(
  { config, master, log }: ControlPlaneOptions,
  closes: Stop[],
): Promise<Store> {
  try {
    const unlock = lockDatabase(config.databasePath);
    closes.push(async () => unlock());
    const store = openSqliteStore({
      path: config.databasePath,
      box: new SecretBox(master, "documents"),
      now: Date.now,
    });
    closes.push(() => store.close());
    await store.registerServer(config.serverName);
    await makeFirstUser(config, store, log);
    return store;
  } catch (error) {
    if (error instanceof DatabaseInUse) throw error;
    const { message } = error instanceof Error ? error : new Error(String(error));
    throw new DatabaseUnusable(`${config.databasePath} cannot be used: ${message}`, {
      cause: error,
    });
  }
}

async function startApi(
  { config, master, revisions, placement, recentPolicies, isForbidden, log }: ControlPlaneOptions,
  store: Store,
  stops: Stop[],
): Promise<{ rest: Listen; grpc: Listen }> {
  const sessions = new Sessions(deriveKey(master, "sessions"), Date.now);
  const logins = new PasswordLogin(store, new LoginLimiter(() => Date.now() / 1000));
  const implementations = publicServices({
    store,
    sessions,
    logins,
    placement,
    recentPolicies,
    explain: explainer({
      domain: config.domain,
      programPorts: config.programPorts,
      mayDial: (address) => placement.place(address) !== null,
      isForbidden,
    }),
    domain: config.domain,
    serverName: config.serverName,
    signup: config.signup,
    now: Date.now,
  });
  const callers = new Callers(store, sessions, logins, Date.now);
  const dispatch = createDispatch({ implementations, store, callers, revisions, log });
  const services = implementations.map(({ service }) => service);
  const tls = config.apiTls;
  const rest = listening("REST", config.restListen, () =>
    startRest({
      ...config.restListen,
      tls,
      services,
      domain: config.domain,
      dispatch,
      clientAddress: trustedProxies(config.trustedProxies).client,
      log,
    }),
  );
  stops.push(() => rest.stop());
  const grpc = await startGrpc({ ...config.grpcListen, tls, services, dispatch }).catch((error) =>
    cannotListen("GRPC", config.grpcListen, error),
  );
  stops.push(() => grpc.stop());
  return { rest, grpc: { hostname: config.grpcListen.hostname, port: grpc.port } };
}

async function makeFirstUser(config: Config, store: Store, log: Log): Promise<void> {
  if (await store.hasUsers()) {
    if (config.adminPassword !== null) {
      log.info({}, "REALMGATE_ADMIN_PASSWORD is for the first boot; there are users already");
    }
    return;
  }
  const username = config.adminUsername;
  const password = config.adminPassword ?? randomBytes(18).toString("base64url");
  const passwordHash = await Bun.password.hash(password, "argon2id");
  const made = await store.createFirstUser({ username, passwordHash });
  // Not through the log: logs are kept and shipped.
  if (made && config.adminPassword === null) {
    console.error(`realmgate: first user ${username}, password ${password} (shown only now)`);
  }
}
