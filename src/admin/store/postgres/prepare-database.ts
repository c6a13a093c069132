// Makes or migrates the tables, one process at a time, after a look at whether this database is ours.
import { join } from "node:path";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { drizzle } from "drizzle-orm/node-postgres";
import { migrate } from "drizzle-orm/node-postgres/migrator";
import type { Client } from "pg";
import type { SecretBox } from "../sealed.ts";
import { type Connections, sqlState } from "./connections.ts";

const FOLDER = join(import.meta.dir, "migrations");
const SCHEMA = "realmgate";
const TABLE = "migrations";
/** The advisory lock of whoever migrates. */
const LOCK = 0x7265616c;
const VERSION_MIN = 140_000;

const KEY_CONTEXT = "secret key";

/** Rejects, with nothing written, when the database is none of ours or cannot be reached. */
export async function prepareDatabase(connections: Connections, box: SecretBox): Promise<void> {
  const client = await connections.connect().catch((error) => {
    throw new Error(reasonOf(error), { cause: error });
  });
  try {
    await refuseOldServer(client);
    // Another process may migrate for longer than a statement may otherwise take.
    await client.query("set statement_timeout = 0; set lock_timeout = '60s'");
    await client.query(`select pg_advisory_lock(${LOCK})`);
    const newest = await newestMigration(client);
    const known = readMigrationFiles({ migrationsFolder: FOLDER }).map((each) => each.folderMillis);
    if (newest > Math.max(...known)) {
      throw new Error(
        "it was written by a newer version of this program: start that version, or restore a backup from before it",
      );
    }
    if (newest > 0) await refuseOtherKey(client, box);
    if (newest < Math.max(...known)) {
      const options = {
        migrationsFolder: FOLDER,
        migrationsSchema: SCHEMA,
        migrationsTable: TABLE,
      };
      await migrate(drizzle({ client }), options);
      await keepKey(client, box);
    }
  } finally {
    // Ends the lock, too.
    await client.end().catch(() => {});
  }
}

async function refuseOldServer(client: Client): Promise<void> {
  const { rows } = await client.query("show server_version_num");
  if (Number(rows[0]?.server_version_num) < VERSION_MIN) {
    throw new Error("it is older than PostgreSQL 14: upgrade the database server");
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

/** With another key every document would be a failure, one request at a time. */
async function refuseOtherKey(client: Client, box: SecretBox): Promise<void> {
  const { rows } = await client.query(`select sealed from ${SCHEMA}.secret_key`);
  const sealed: Buffer | undefined = rows[0]?.sealed;
  if (sealed === undefined || box.open(sealed, KEY_CONTEXT) === null) {
    throw new Error(
      "its documents were sealed with another secret key: bring that back (REALMGATE_SECRET_KEY)",
    );
  }
}

async function keepKey(client: Client, box: SecretBox): Promise<void> {
  const sealed = box.seal(Buffer.from("realmgate"), KEY_CONTEXT);
  await client.query(`insert into ${SCHEMA}.secret_key values (true, $1) on conflict do nothing`, [
    sealed,
  ]);
}

/** Never with the URL, which may have a password. */
function reasonOf(error: unknown): string {
  const state = sqlState(error);
  const message = error instanceof Error ? error.message : String(error);
  if (state?.startsWith("28")) {
    return `the server refuses the user or the password (${message}): check REALMGATE_DATABASE_URL`;
  }
  if (state === "3D000") return `${message}: create it (createdb), or name another`;
  if (state !== null) return message;
  return `no PostgreSQL server answers (${message}): start it, or check REALMGATE_DATABASE_URL`;
}
