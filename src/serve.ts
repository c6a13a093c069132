// Role `serve`: everything in one process.
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { Callers } from "./admin/caller.ts";
import { changeSource } from "./admin/change-source.ts";
import { createDispatch } from "./admin/dispatch.ts";
import { startGrpc } from "./admin/grpc-server.ts";
import { LoginLimiter } from "./admin/login-limiter.ts";
import { PasswordLogin } from "./admin/password-login.ts";
import { revisionTokens } from "./admin/revision.ts";
import { deriveKey, SecretBox } from "./admin/secret-box.ts";
import { services as publicServices } from "./admin/services.ts";
import { Sessions } from "./admin/session.ts";
import { openSqliteStore } from "./admin/store/sqlite.ts";
import type { Store } from "./admin/store/store.ts";
import { type AccessLogPlace, type Config, type Listen, secretKeyFrom } from "./config.ts";
import { lockDatabase } from "./data-lock.ts";
import { startRest } from "./gateway-rest/server.ts";
import { startOps } from "./ops.ts";
import { createPlacement } from "./policy/placement.ts";
import { AccessLog } from "./proxy/access-log.ts";
import { trustedProxies } from "./proxy/client-address.ts";
import { explainer } from "./proxy/explain.ts";
import { FileSink, StderrSink } from "./proxy/line-sink.ts";
import type { Log } from "./proxy/log.ts";
import { startProxy } from "./proxy/server.ts";

export interface Running {
  /** Where everything listens, as URLs; gRPC as `http://` or, with TLS, `https://`, too. */
  readonly urls: Readonly<Record<"rest" | "grpc" | "proxy" | "ops", string>>;
  /** Stops listening, lets running requests finish, closes the store. */
  stop(): Promise<void>;
}

/** Starts everything. Rejects when something cannot be had: an address, the database, the key that belongs to it. */
export async function serve(config: Config, log: Log): Promise<Running> {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const master = config.secretKey ?? secretKeyFile(join(config.dataDir, "secret.key"));
  const unlock = lockDatabase(config.databasePath);
  const store = openSqliteStore({
    path: config.databasePath,
    box: new SecretBox(master, "documents"),
    now: Date.now,
  });
  const stops: (() => Promise<void>)[] = [async () => unlock(), () => store.close()];
  try {
    await store.registerServer(config.serverName);
    await makeFirstUser(config, store, log);
    const sessions = new Sessions(deriveKey(master, "sessions"), Date.now);
    const revisions = revisionTokens(new SecretBox(master, "revisions"));
    const placement = createPlacement(config.containerCidrs);
    const logins = new PasswordLogin(store, new LoginLimiter(() => Date.now() / 1000));
    const { domain, serverName, programPorts } = config;
    const own: Listen[] = [];
    const mayDial = (address: string) => placement.place(address) !== null;
    const isForbidden = (address: string, port: number) => isOwn(own, address, port);
    const implementations = publicServices({
      store,
      sessions,
      logins,
      placement,
      explain: explainer({ domain, programPorts, mayDial, isForbidden }),
      domain,
      serverName,
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
    own.push(rest);
    stops.push(() => rest.stop());
    const grpc = await startGrpc({ ...config.grpcListen, tls, services, dispatch }).catch((error) =>
      cannotListen("GRPC", config.grpcListen, error),
    );
    const grpcListen = { hostname: config.grpcListen.hostname, port: grpc.port };
    own.push(grpcListen);
    stops.push(() => grpc.stop());
    const accessLog = await openAccessLog(config.accessLog, log);
    if (accessLog !== null) stops.push(() => accessLog.close());
    const proxy = await startProxy(
      {
        ...config.proxyListen,
        domain,
        serverName,
        trustedProxies: config.trustedProxies,
        programPorts,
        mayDial,
        isForbidden,
        log,
        accessLog,
      },
      changeSource(store),
    ).catch((error) => cannotListen("PROXY", config.proxyListen, error));
    own.push(proxy);
    stops.push(() => proxy.stop());
    const ops = listening("OPS", config.opsListen, () =>
      startOps({
        listen: config.opsListen,
        reached: proxy.reached,
        openRevision: revisions.open,
        metrics: proxy.metrics,
      }),
    );
    own.push(ops);
    stops.push(() => ops.stop());
    return {
      urls: {
        rest: urlOf(rest, tls === null ? "http" : "https"),
        grpc: urlOf(grpcListen, tls === null ? "http" : "https"),
        proxy: urlOf(proxy),
        ops: urlOf(ops),
      },
      stop: () => stopAll(stops),
    };
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
}

function listening<Server>(name: string, listen: Listen, start: () => Server): Server {
  try {
    return start();
  } catch (error) {
    return cannotListen(name, listen, error);
  }
}

function cannotListen(name: string, { hostname, port }: Listen, error: unknown): never {
  const setting = `REALMGATE_${name}_LISTEN`;
  throw new Error(`${setting}: cannot listen on ${hostname}:${port} (in use?)`, { cause: error });
}

async function openAccessLog(place: AccessLogPlace | null, log: Log): Promise<AccessLog | null> {
  if (place === null) return null;
  if (place === "stderr") return new AccessLog(new StderrSink(), log);
  const sink = await FileSink.open(place.path).catch((error) => {
    throw new Error(`REALMGATE_ACCESS_LOG: cannot write to ${place.path}`, { cause: error });
  });
  return new AccessLog(sink, log);
}

/** In the reverse order of starting. */
async function stopAll(stops: (() => Promise<void>)[]): Promise<void> {
  for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) await stop();
}

/** The key lies beside the database only for its owner's eyes; made at first boot. */
function secretKeyFile(path: string): Buffer {
  if (!existsSync(path)) {
    writeFileSync(path, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600, flag: "wx" });
  }
  chmodSync(path, 0o600);
  const key = secretKeyFrom(readFileSync(path, "utf8").trim());
  if (key === null) throw new Error(`${path} does not hold 32 bytes in base64`);
  return key;
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

/** Whether an address and port are one of our own listeners, however the address is spelled. */
function isOwn(own: readonly Listen[], address: string, port: number): boolean {
  return own.some((listen) => listen.port === port) && isOfThisMachine(address);
}

function isOfThisMachine(address: string): boolean {
  if (address.startsWith("127.") || address === "::1") return true;
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => entry.address === address),
  );
}

function urlOf({ hostname, port }: Listen, scheme = "http"): string {
  return `${scheme}://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
