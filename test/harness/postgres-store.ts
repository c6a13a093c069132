// A PostgreSQL store on an empty database, on one server for each test process.
import { randomBytes } from "node:crypto";
import type { AccountQuotas } from "../../src/admin/store/account-quotas.ts";
import { newId } from "../../src/admin/store/id.ts";
import { openPostgresStore } from "../../src/admin/store/postgres/postgres-store.ts";
import { SecretBox } from "../../src/admin/store/sealed.ts";
import type { OpenStore } from "./open-store.ts";
import { PostgresServer } from "./postgres-server.ts";

let server: Promise<PostgresServer> | null = null;

/** The server of this process; `stopPostgres` ends it. */
export function postgres(): Promise<PostgresServer> {
  server ??= PostgresServer.start();
  return server;
}

/** For `afterAll` of each file that uses it. */
export async function stopPostgres(): Promise<void> {
  const started = server;
  server = null;
  free.length = 0;
  await (await started)?.[Symbol.asyncDispose]();
}

export interface PostgresPlace extends OpenStore {
  readonly url: string;
  readonly box: SecretBox;
}

/** The key of all databases: a database knows the one that it was made with. */
const box = new SecretBox(randomBytes(32), "documents");

/** Databases that a test has left: emptying one is faster than making one. */
const free: string[] = [];

async function emptyDatabase(cluster: PostgresServer): Promise<string> {
  const url = free.pop();
  if (url === undefined) return cluster.database();
  const tables = [
    "users",
    "servers",
    "documents",
    "changes",
    "lineages",
    "events",
    "nodes",
    "limits",
  ];
  const names = tables.map((table) => `realmgate.${table}`).join();
  await cluster.query(
    url,
    `truncate ${names} restart identity cascade; update realmgate.revisions set value = 0`,
  );
  return url;
}

/** `quotas`: none when unset. */
export async function openPostgresPlace(
  now: () => number,
  quotas?: AccountQuotas,
): Promise<PostgresPlace> {
  const cluster = await postgres();
  const url = await emptyDatabase(cluster);
  const options = { url, box, now, poolMax: 4, ...(quotas === undefined ? {} : { quotas }) };
  let store = await openPostgresStore(options);
  return {
    store,
    url,
    box,
    async reopen() {
      await store.close();
      store = await openPostgresStore(options);
      return store;
    },
    async addUser(username) {
      const id = newId();
      const time = new Date(0).toISOString();
      await cluster.query(
        url,
        `insert into realmgate.users (id, username, password_hash, is_admin, session_generation, created_at, updated_at)
         values ($1, $2, '', false, 0, $3, $3)`,
        [id, username, time],
      );
      return id;
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      free.push(url);
    },
  };
}
