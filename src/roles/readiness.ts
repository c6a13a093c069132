// What would keep a start from succeeding, found without changing anything: for `serve --check`, and before every start.
import { accessSync, existsSync, constants as fsConstants, statSync } from "node:fs";
import { createServer, Server } from "node:net";
import { dirname, join } from "node:path";
import { KeyRing } from "../admin/store/key-ring.ts";
import { damageOf, fileState, opensWith, unreadableIn } from "../admin/store/sqlite/inspect.ts";
import type { Config } from "../config/config.ts";
import { secretKeysIn } from "../config/secret-key.ts";
import type { ListenAddress } from "../config/setting-readers.ts";
import {
  databaseAt,
  lostDatabase,
  partialDatabase,
  unfinishedRestore,
  whyNotNew,
} from "./control-plane.ts";
import { keyFile, snapshotFile } from "./data-files.ts";
import { DatabaseInUse, lockDatabase } from "./data-lock.ts";

export interface Finding {
  /** A warning does not keep the gate from starting. */
  readonly level: "error" | "warning";
  /** The setting that it concerns, and what to do. */
  readonly text: string;
  /** What a gate that runs has taken, and so is well while it runs; unset: nothing. */
  readonly taken?: "database" | "address";
}

/** Certificates that end sooner are worth a word. */
const expiresSoonMs = 14 * 24 * 3_600_000;

export function error(setting: string, problem: string): Finding {
  return { level: "error", text: `REALMGATE_${setting}: ${problem}` };
}

export function warning(setting: string, problem: string): Finding {
  return { ...error(setting, problem), level: "warning" };
}

/** All of them at once; empty: a start should succeed. */
export async function findings(config: Config): Promise<readonly Finding[]> {
  return [
    ...folderFindings(config),
    ...keyFindings(config),
    ...databaseFindings(config),
    ...(await serverFindings(config)),
    ...certificateFindings(
      [
        ["TLS_CERT", config.proxyTls?.pair],
        ["API_TLS_CERT", config.apiTls?.pair],
      ],
      Date.now(),
    ),
    ...(await listenFindings(config)),
  ];
}

/** The data directory can be written, or made. */
function folderFindings({ dataDir }: Config): readonly Finding[] {
  const stat = statSync(dataDir, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isDirectory()) {
    return [error("DATA_DIR", `${dataDir} is no directory`)];
  }
  let existing = dataDir;
  while (!existsSync(existing)) existing = dirname(existing);
  try {
    accessSync(existing, fsConstants.W_OK | fsConstants.X_OK);
  } catch {
    const problem = `${existing} cannot be written by this user`;
    // With a key and a snapshot the data plane serves all the same.
    const serves = [keyFile, snapshotFile].every((name) => existsSync(join(dataDir, name)));
    if (!serves) return [error("DATA_DIR", problem)];
    return [warning("DATA_DIR", `${problem}: the data plane serves what was in force last`)];
  }
  if (stat === undefined || (stat.mode & 0o077) === 0) return [];
  return [warning("DATA_DIR", `others may look into ${dataDir}: chmod 700 ${dataDir}`)];
}

/** The key file holds a key, and is there when there is data. */
export function keyFindings({ dataDir, databasePath, secretKeys }: Config): readonly Finding[] {
  if (secretKeys !== null) return [];
  const path = join(dataDir, keyFile);
  if (!existsSync(path)) {
    const cutOff = unfinishedRestore(databasePath, "missing");
    if (cutOff !== null) return [error("SECRET_KEY", `${path} is missing, and ${cutOff}`)];
    const data = [databasePath, join(dataDir, snapshotFile)].find((each) => existsSync(each));
    if (data === undefined) return [];
    const lost = `${path} is missing, but ${data} was made with a key: bring that back`;
    return [error("SECRET_KEY", lost)];
  }
  try {
    if (secretKeysIn(path) !== null) return [];
    const damaged = `${path} does not hold 32 bytes in base64: bring the key back`;
    return [error("SECRET_KEY", damaged)];
  } catch (cause) {
    return [error("SECRET_KEY", `${path} cannot be read (${codeOf(cause)})`)];
  }
}

/** Of a database on a server, in one connection that changes nothing. */
export async function serverFindings(config: Config): Promise<readonly Finding[]> {
  const { postgres, secretKeys, dataDir } = config;
  if (postgres === null || secretKeys === null) return [];
  // The driver is loaded only then: most starts do without.
  const { Connections } = await import("../admin/store/postgres/connections.ts");
  const { lookAtDatabase } = await import("../admin/store/postgres/prepare-database.ts");
  const connections = new Connections(postgres);
  const box = new KeyRing(secretKeys).valueBox();
  const notNew = whyNotNew(join(dataDir, snapshotFile));
  const { problem, isOlder } = await lookAtDatabase(connections, { box, notNew });
  await connections.close();
  const place = `the database ${databaseAt(postgres.url)}`;
  if (problem !== null) return [error("DATABASE_URL", `${place}: ${problem}`)];
  if (!isOlder) return [];
  return [warning("DATABASE_URL", `the start will migrate ${place} for good: back it up first`)];
}

/** Of a file. */
function databaseFindings(config: Config): readonly Finding[] {
  if (config.postgres !== null) return [];
  try {
    return [...stateFindings(config)];
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    return [error("DATABASE_URL", `${config.databasePath} cannot be read: ${message}`)];
  }
}

function* stateFindings({ databasePath: path, dataDir, secretKeys }: Config): Generator<Finding> {
  const snapshot = join(dataDir, snapshotFile);
  const state = fileState(path);
  const cutOff = unfinishedRestore(path, state);
  if (cutOff !== null) {
    yield error("DATABASE_URL", cutOff);
    return;
  }
  switch (state) {
    case "missing":
    case "new":
      if (existsSync(snapshot)) yield error("DATABASE_URL", lostDatabase(path, snapshot));
      return;
    case "partial":
      yield error("DATABASE_URL", partialDatabase(path));
      return;
    case "newer":
      yield error("DATABASE_URL", `a newer version has written ${path}: start that version`);
      return;
    case "older":
      yield warning("DATABASE_URL", `the start will migrate ${path} for good: back it up first`);
      break;
    case "current":
      break;
  }
  const [damage] = damageOf(path);
  if (damage !== undefined) {
    yield error("DATABASE_URL", `${path} is damaged (${damage}): restore a backup`);
    return;
  }
  const keys = secretKeys ?? keysIn(join(dataDir, keyFile));
  const box = keys === null ? null : new KeyRing(keys).valueBox();
  if (box !== null && !opensWith(path, box)) {
    yield error("SECRET_KEY", `another key sealed the documents of ${path}: bring that back`);
  } else if (box !== null && state === "current") {
    const unreadable = unreadableIn(path, box);
    if (unreadable > 0) yield warning("SECRET_KEY", leftBehind(unreadable));
  }
  if (isLocked(path)) {
    yield {
      ...error("DATABASE_URL", `${path} is in use by another realmgate`),
      taken: "database",
    };
  }
}

function keysIn(path: string): readonly Buffer[] | null {
  try {
    return secretKeysIn(path);
  } catch {
    // That is a finding of its own.
    return null;
  }
}

function leftBehind(count: number): string {
  return `${count} values were sealed with another key, or are damaged: what they guard is closed. Bring that key back beside the present one and run rotate-key`;
}

/** Whether another process has the database. */
export function isInUse({ databasePath, postgres }: Config): boolean {
  return postgres === null && isLocked(databasePath);
}

function isLocked(databasePath: string): boolean {
  if (!existsSync(`${databasePath}.lock`)) return false;
  try {
    lockDatabase(databasePath)();
    return false;
  } catch (cause) {
    if (cause instanceof DatabaseInUse) return true;
    throw cause;
  }
}

type Certificate = readonly [setting: string, pair: { readonly notAfterMs: number } | undefined];

export function certificateFindings(
  certificates: readonly Certificate[],
  nowMs: number,
): readonly Finding[] {
  return certificates.flatMap(([setting, pair]) => {
    if (pair === undefined) return [];
    const { notAfterMs } = pair;
    const day = new Date(notAfterMs).toISOString().slice(0, 10);
    if (notAfterMs <= nowMs) return [warning(setting, `ended on ${day}: it is refused`)];
    if (notAfterMs - nowMs > expiresSoonMs) return [];
    return [warning(setting, `ends on ${day}: renew it; the gate reloads the file`)];
  });
}

export type Listen = readonly [setting: string, listen: ListenAddress | null];

/** Of `serve`. */
export function listenFindings(config: Config): Promise<readonly Finding[]> {
  return bindFindings([
    ["REST_LISTEN", config.restListen],
    ["GRPC_LISTEN", config.grpcListen],
    ["OPS_LISTEN", config.opsListen],
    ...proxyListens(config),
  ]);
}

export function proxyListens({ proxyReusePort, proxyListen, proxyTls }: Config): readonly Listen[] {
  if (proxyReusePort) return [];
  return [
    ["PROXY_LISTEN", proxyListen],
    ["PROXY_TLS_LISTEN", proxyTls],
  ];
}

/** Each address can be bound, all of them at the same time. */
export async function bindFindings(listens: readonly Listen[]): Promise<readonly Finding[]> {
  const servers: Server[] = [];
  const found: Finding[] = [];
  for (const [setting, listen] of listens) {
    if (listen === null || listen.port === 0) continue;
    const { hostname, port } = listen;
    const bound = await bind(listen);
    if (bound instanceof Server) {
      servers.push(bound);
    } else {
      const problem = `cannot listen on ${hostname}:${port} (${bound})`;
      found.push({ ...error(setting, problem), taken: "address" });
    }
  }
  await Promise.all(
    servers.map((server) => new Promise((closed) => void server.close(() => closed(null)))),
  );
  return found;
}

/** Listens, or says why it cannot. */
function bind({ hostname, port }: ListenAddress): Promise<Server | string> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (cause) => resolve(codeOf(cause)));
    server.listen({ host: hostname, port, exclusive: true }, () => resolve(server));
  });
}

export function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? "unknown error";
}
