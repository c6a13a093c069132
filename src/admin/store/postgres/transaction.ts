// What reads, and what writes.
import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import type { DocumentKey } from "../records.ts";

/** What reads: the pool, or a transaction. */
export type Reader = NodePgDatabase;

/** A transaction that may make revisions. */
export interface Transaction extends Reader {
  /** Takes the next revision for a change of an entity. */
  readonly nextRevision: (key: DocumentKey) => number;
  /** Of the revisions that it makes; see Lineage. */
  readonly lineage: string;
}
