// Tables of the nodes, and of what control planes share.
import { bigint, doublePrecision, index, primaryKey } from "drizzle-orm/pg-core";
import type { NodeRole } from "../node-records.ts";
import { bytea, realmgate, text } from "./columns.ts";

/** What follows the feed, or speaks for clients. */
export const nodes = realmgate.table("nodes", {
  id: text().primaryKey(),
  name: text().notNull().unique(),
  role: text().$type<NodeRole>().notNull(),
  /** JSON list: names of servers. */
  servers: text().notNull(),
  /** SHA-256 of its token. */
  tokenHash: bytea("token_hash").notNull().unique(),
  createdAt: text("created_at").notNull(),
});

/** The processes of a node, as they were heard last. */
export const nodeProcesses = realmgate.table(
  "node_processes",
  {
    nodeId: text("node_id")
      .notNull()
      .references(() => nodes.id, { onDelete: "cascade" }),
    process: text().notNull(),
    /** Random for each start. */
    boot: text().notNull(),
    version: text().notNull(),
    /** JSON list: names of servers. */
    servers: text().notNull(),
    enforcedRevision: bigint("enforced_revision", { mode: "number" }).notNull(),
    enforcedLineage: text("enforced_lineage").notNull(),
    heardAt: text("heard_at").notNull(),
    /** JSON list: `ADDRESS:PORT`. */
    listeners: text().notNull(),
    /** JSON object. */
    programPorts: text("program_ports").notNull(),
    // Control planes that do not know these columns store null.
    /** Null: none. */
    leaseMs: bigint("lease_ms", { mode: "number" }),
    /** JSON list; null: none. */
    addresses: text(),
    /** JSON list; null: none. */
    containerNetworks: text("container_networks"),
  },
  (table) => [primaryKey({ columns: [table.nodeId, table.process] })],
);

/** Counters that all control planes share. Unlogged: a crash of the server forgets them. */
export const limits = realmgate.table(
  "limits",
  {
    key: text().primaryKey(),
    /** What is used of it. */
    used: doublePrecision().notNull(),
    /** Unix seconds. */
    since: doublePrecision().notNull(),
    until: doublePrecision().notNull(),
  },
  (table) => [index("limits_by_until").on(table.until)],
);
