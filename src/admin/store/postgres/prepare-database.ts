// Makes or migrates the tables, one process at a time, after a look at whether this database is ours.
import { setTimeout as sleep } from "node:timers/promises";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import type { Client } from "pg";
import { migrationsFolder } from "../migrations-folder.ts";
import type { ValueBox } from "../sealed.ts";
import { OtherSecretKey } from "../store-errors.ts";
import type { Connections } from "./connections.ts";
import { sqlState } from "./failures.ts";

const SCHEMA = "realmgate";
const TABLE = "migrations";
/** The advisory lock of whoever migrates. */
const LOCK = 0x7265616c;
/** Another process may migrate for so long. */
const LOCK_WAIT_MS = 60_000;
const LOCK_RETRY_MS = 100;
const SERVER_VERSION_MIN = 140_000;

/** What binds the value that says which key the database has. */
export const KEY_CONTEXT = "secret key";

const known = readMigrationFiles({ migrationsFolder: migrationsFolder("postgres") }).map(
  (each) => each.folderMillis,
);

/** What this program knows; `revisions.min_version` names the oldest that may write. */
export const SCHEMA_VERSION = known.length;

export interface PrepareOptions {
  readonly box: ValueBox;
  /** Why the database cannot be a new, empty one; null or unset: it may. */
  readonly notNew?: string | null;
}

/**
 * Answers the last committed revision. Rejects, with nothing written, with one line on what to do, when the database is none of
 * ours or cannot be reached.
 */
export async function prepareDatabase(
  connections: Connections,
  options: PrepareOptions,
): Promise<number> {
  const client = await connections.connect({ isPatient: true }).catch((error) => {
    throw new Error(unreachable(error), { cause: error });
  });
  try {
    await refuseServer(client);
    await lock(client);
    const newest = await newestMigration(client);
    if (newest === 0 && options.notNew) throw new Error(options.notNew);
    if (newest > 0) await refuseTables(client, options.box, () => keepKey(client, options.box));
    if (newest < Math.max(...known)) await migrateTables(client, options.box);
    const { rows } = await client.query(`select value from ${SCHEMA}.revisions`);
    return Number(rows[0]?.value);
  } catch (error) {
    if (error instanceof OtherSecretKey) throw error;
    throw new Error(reasonOf(error), { cause: error });
  } finally {
    // Ends the lock, too.
    await client.end().catch(() => {});
  }
}

/**
 * What `prepareDatabase` would refuse, found without writing anything. `isOlder`: the start migrates it; null: nothing is wrong.
 */
export async function lookAtDatabase(
  connections: Connections,
  { box, notNew }: PrepareOptions,
): Promise<{ readonly problem: string | null; readonly isOlder: boolean }> {
  let newest = 0;
  const problem = await looked(connections, async (client) => {
    await refuseServer(client);
    newest = await newestMigration(client);
    if (newest === 0 && notNew) throw new Error(notNew);
    if (newest === 0) await refuseNoRight(client);
    else await refuseTables(client, box, async () => {});
  });
  return { problem, isOlder: problem === null && newest > 0 && newest < Math.max(...known) };
}

async function looked(
  connections: Connections,
  look: (client: Client) => Promise<void>,
): Promise<string | null> {
  let client: Client | null = null;
  try {
    client = await connections.connect();
    await look(client);
    return null;
  } catch (error) {
    if (client === null) return unreachable(error);
    return error instanceof OtherSecretKey ? error.message : reasonOf(error);
  } finally {
    await client?.end().catch(() => {});
  }
}

async function refuseNoRight(client: Client): Promise<void> {
  const { rows } = await client.query(
    `select to_regnamespace('${SCHEMA}') is not null
       or has_database_privilege(current_database(), 'CREATE') as may, current_user as name`,
  );
  const { may, name } = rows[0];
  if (!may) throw new Error(`${name} may not make tables: GRANT CREATE ON DATABASE … TO ${name}`);
}

async function refuseServer(client: Client): Promise<void> {
  const { rows } = await client.query(
    `select current_setting('server_version_num')::int as version, pg_is_in_recovery() as standby,
     current_setting('server_encoding') as encoding`,
  );
  const { version, standby, encoding } = rows[0];
  if (version < SERVER_VERSION_MIN) {
    throw new Error("it is older than PostgreSQL 14: upgrade the database server");
  }
  if (standby) throw new Error("it is a standby: name the primary in REALMGATE_DATABASE_URL");
  if (encoding !== "UTF8") {
    throw new Error(
      `its encoding is ${encoding}: create it anew with createdb -T template0 -E UTF8`,
    );
  }
}

async function lock(client: Client): Promise<void> {
  const untilMs = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    const { rows } = await client.query(`select pg_try_advisory_lock(${LOCK}) as locked`);
    if (rows[0]?.locked) return;
    if (performance.now() > untilMs) {
      throw new Error(
        "another process has migrated it for a minute: wait for that, then try again",
      );
    }
    await sleep(LOCK_RETRY_MS);
  }
}

/** 0: there is none yet. */
async function newestMigration(client: Client): Promise<number> {
  const name = `${SCHEMA}.${TABLE}`;
  const { rows: tables } = await client.query("select to_regclass($1) as found", [name]);
  if (tables[0]?.found === null) return 0;
  const { rows } = await client.query(`select max(created_at) as newest from ${name}`);
  return Number(rows[0]?.newest ?? 0);
}

/** A newer version may have migrated the tables: unless it says otherwise, this one goes on with them until it is replaced. */
async function refuseTables(
  client: Client,
  box: ValueBox,
  ownKey: () => Promise<void>,
): Promise<void> {
  const { rows } = await client.query(`select min_version from ${SCHEMA}.revisions`);
  if (Number(rows[0]?.min_version) > SCHEMA_VERSION) {
    throw new Error(
      "it was written by a newer version of this program: start that version, or restore a backup from before it",
    );
  }
  await refuseOtherKey(client, box, ownKey);
}

/** With another key every document would be a failure, one request at a time. `ownKey`: called where it has no key yet. */
async function refuseOtherKey(
  client: Client,
  box: ValueBox,
  ownKey: () => Promise<void>,
): Promise<void> {
  const { rows } = await client.query(`select sealed from ${SCHEMA}.secret_key`);
  const sealed: Buffer | undefined = rows[0]?.sealed;
  // The process that made the tables may have died before it kept its key: then nothing was sealed with it.
  if (sealed === undefined && !(await hasSealed(client))) return ownKey();
  if (sealed === undefined || box.open(sealed, KEY_CONTEXT) === null) {
    throw new OtherSecretKey("REALMGATE_SECRET_KEY");
  }
}

async function hasSealed(client: Client): Promise<boolean> {
  const { rows } = await client.query(
    `select exists (select from ${SCHEMA}.documents)
       or exists (select from ${SCHEMA}.aliases where sealed_target is not null) as found`,
  );
  return rows[0]?.found;
}

async function keepKey(client: Client, box: ValueBox): Promise<void> {
  const sealed = box.seal(Buffer.from("realmgate"), KEY_CONTEXT);
  await client.query(`insert into ${SCHEMA}.secret_key values (true, $1) on conflict do nothing`, [
    sealed,
  ]);
}

async function migrateTables(client: Client, box: ValueBox): Promise<void> {
  const db = drizzle({ client });
  await migrate(db, {
    migrationsFolder: migrationsFolder("postgres"),
    migrationsSchema: SCHEMA,
    migrationsTable: TABLE,
  });
  await keepKey(client, box);
}

/** One line, never with the URL, which may have a password. */
function unreachable(error: unknown): string {
  const state = sqlState(error);
  const message = messageOf(error);
  if (state?.startsWith("28")) {
    return `the server refuses the user or the password (${message}): check REALMGATE_DATABASE_URL`;
  }
  if (state === "3D000") return `${message}: create it (createdb), or name another`;
  if (state !== null) return message;
  return `no PostgreSQL server answers (${message}): start it, or check REALMGATE_DATABASE_URL`;
}

function reasonOf(error: unknown): string {
  const message = messageOf(error);
  if (sqlState(error) !== "42501") return message;
  return `${message}: let its user make tables (GRANT CREATE ON DATABASE … TO …)`;
}

/** The server's message, without the statement that drizzle puts before it. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return inner instanceof Error ? messageOf(inner) : oneLine(error.message);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
