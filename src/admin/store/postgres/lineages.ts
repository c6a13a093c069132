// Lineages of revisions: a new one begins with the first write after the server was started, replaced or restored.
import { randomBytes } from "node:crypto";
import { escapeLiteral } from "pg";
import { lineagesMax } from "../limits.ts";

/**
 * SQL: one run of one server on one copy of the tables. A standby that takes over is another run; a restored dump has tables of its
 * own, a copied database is another. The restore of rows alone, into the same tables of a running server, is not noticed.
 */
export const SOURCE = `concat(extract(epoch from pg_postmaster_start_time()), '/',
    (select oid from pg_database where datname = current_database()), '/', 'realmgate.revisions'::regclass::oid)`;

/** SQL: the latest. */
export const LAST_LINEAGE =
  "select tag, source from realmgate.lineages order by from_revision desc limit 1";

/** A row of the two. */
export interface LockedLineage {
  readonly tag: string | null;
  readonly source: string;
  readonly present_source: string;
}

/** Of the revisions that a transaction makes. */
export interface PresentLineage {
  readonly tag: string;
  /** Its source when it begins with them; null: the database names it already. */
  readonly begins: string | null;
}

export function lineageFor({ tag, source, present_source }: LockedLineage): PresentLineage {
  if (tag !== null && source === present_source) return { tag, begins: null };
  return { tag: randomBytes(8).toString("hex"), begins: present_source };
}

/** SQL. A lineage that had no revision yet gives its place up. */
export function beginLineage(fromRevision: number, tag: string, source: string): string {
  const values = `${fromRevision}, ${escapeLiteral(tag)}, ${escapeLiteral(source)}`;
  return `insert into realmgate.lineages (from_revision, tag, source) values (${values})
    on conflict (from_revision) do update set tag = excluded.tag, source = excluded.source;
    delete from realmgate.lineages where from_revision not in
      (select from_revision from realmgate.lineages order by from_revision desc limit ${lineagesMax});
    `;
}
