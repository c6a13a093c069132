// Everything in a database of PostgreSQL under another key, while any number of control planes write.
import type { PoolClient } from "pg";
import type { KeyRing } from "../key-ring.ts";
import { Resealer } from "../resealer.ts";
import type { ValueBox } from "../sealed.ts";
import { sealContext, targetContext } from "../sealed-context.ts";
import { OtherSecretKey } from "../store-errors.ts";
import { RUNNING_LOCK } from "./commit-listener.ts";
import { type ConnectionOptions, Connections } from "./connections.ts";
import { KEY_CONTEXT } from "./prepare-database.ts";
import { namesKey } from "./running-name.ts";

/** Rows that one transaction looks at: writers wait for it. */
const ROWS = 32;

/** Taken first by whoever writes, and kept to the commit: see WriteLane. */
const BEGIN = "begin; select value from realmgate.revisions for update";

export interface RotatedKey {
  /** Values that had another key. */
  readonly count: number;
  /** Those that none of the keys opens; they stay as they are. */
  readonly unreadable: number;
}

export interface RotatedDatabase extends RotatedKey {
  /** Whether the database had another key until now. */
  readonly isNew: boolean;
}

/**
 * The first key of the ring becomes the one that everybody seals with, then everything comes under it. Rejects, with nothing
 * changed, when a gate that runs does not have that key. May be interrupted, and then goes on when it is called again.
 */
export async function rotatePostgresKey(
  options: ConnectionOptions,
  ring: KeyRing,
): Promise<RotatedDatabase> {
  const connections = new Connections({ ...options, poolMax: 2 });
  try {
    const box = ring.valueBox();
    await refuseIgnorant(connections, box);
    const isNew = await declare(connections, box);
    const documents = await walk(connections, (client, after) => documentRows(client, box, after));
    const targets = await walk(connections, (client, after) => targetRows(client, box, after));
    return {
      count: documents.count + targets.count,
      unreadable: documents.unreadable + targets.unreadable,
      isNew,
    };
  } finally {
    await connections.close();
  }
}

/** A gate without the key could read nothing that is written from now on. */
async function refuseIgnorant({ pool }: Connections, box: ValueBox): Promise<void> {
  const { rows } = await pool.query(
    `select distinct pid, application_name as name from pg_locks join pg_stat_activity using (pid)
     where locktype = 'advisory' and objid = $1 and database = (
       select oid from pg_database where datname = current_database()
     ) order by pid`,
    [RUNNING_LOCK],
  );
  const [newest = ""] = box.keyIds;
  const ignorant = rows.filter(({ name }) => !namesKey(name ?? "", newest));
  if (ignorant.length === 0) return;
  throw new Error(
    `${ignorant.length} of ${rows.length} gates on this database do not have the new key: give it to all of them first, after the old one`,
  );
}

/**
 * From the commit on, whoever seals with another key is refused: writers read this under the same lock. Resolves to whether it was
 * another one.
 */
function declare(connections: Connections, box: ValueBox): Promise<boolean> {
  return connections.transaction(BEGIN, async (client) => {
    const { rows } = await client.query("select sealed from realmgate.secret_key");
    const sealed: Buffer | undefined = rows[0]?.sealed;
    if (sealed === undefined || box.open(sealed, KEY_CONTEXT) === null) {
      throw new OtherSecretKey("the second of the keys");
    }
    if (box.isCurrent(sealed, KEY_CONTEXT)) return false;
    const anew = box.seal(Buffer.from("realmgate"), KEY_CONTEXT);
    await client.query("update realmgate.secret_key set sealed = $1", [anew]);
    return true;
  });
}

/** The row after which to go on. */
interface Place {
  /** Empty where the identifier says it all. */
  readonly kind: string;
  readonly id: string;
}

const BEGINNING: Place = { kind: "", id: "" };

/** What rows came to; `next`: where to go on, null: they were the last. */
interface Walked extends RotatedKey {
  readonly next: Place | null;
}

async function walk(
  connections: Connections,
  rows: (client: PoolClient, after: Place) => Promise<Walked>,
): Promise<RotatedKey> {
  let count = 0;
  let unreadable = 0;
  for (let after: Place | null = BEGINNING; after !== null; ) {
    const from: Place = after;
    const walked = await connections.transaction(BEGIN, (client) => rows(client, from));
    count += walked.count;
    unreadable += walked.unreadable;
    after = walked.next;
  }
  return { count, unreadable };
}

/** In the order of the primary key, which finds them. */
export const DOCUMENT_ROWS = `select kind, owner_id as id, version, body, hooks
     from realmgate.documents where (kind, owner_id) > ($1, $2)
     order by kind, owner_id limit ${ROWS}`;

async function documentRows(client: PoolClient, box: ValueBox, after: Place): Promise<Walked> {
  const { rows } = await client.query(DOCUMENT_ROWS, [after.kind, after.id]);
  const tally = new Resealer(box);
  for (const { kind, id, version, body, hooks } of rows) {
    const anew = {
      body: tally.anew(body, sealContext("body", kind, id, Number(version))),
      hooks: tally.anew(hooks, sealContext("hooks", kind, id, Number(version))),
    };
    if (anew.body === body && anew.hooks === hooks) continue;
    await client.query(
      "update realmgate.documents set body = $1, hooks = $2 where kind = $3 and owner_id = $4",
      [anew.body, anew.hooks, kind, id],
    );
  }
  return walked(tally, rows);
}

async function targetRows(client: PoolClient, box: ValueBox, after: Place): Promise<Walked> {
  const { rows } = await client.query(
    `select id, sealed_target as target from realmgate.aliases
     where id > $1 order by id limit ${ROWS}`,
    [after.id],
  );
  const tally = new Resealer(box);
  for (const { id, target } of rows) {
    const anew = tally.anew(target, targetContext(id));
    if (anew === target) continue;
    await client.query("update realmgate.aliases set sealed_target = $1 where id = $2", [anew, id]);
  }
  return walked(tally, rows);
}

function walked(
  { count, unreadable }: Resealer,
  rows: readonly { readonly kind?: string; readonly id: string }[],
): Walked {
  const last = rows.length < ROWS ? undefined : rows.at(-1);
  const next = last === undefined ? null : { kind: last.kind ?? "", id: last.id };
  return { count, unreadable: unreadable.length, next };
}
