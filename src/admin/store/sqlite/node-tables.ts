// Tables of the nodes.
import { blob, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { NodeRole } from "../node-records.ts";

/** What follows the feed, or speaks for clients. */
export const nodes = sqliteTable("nodes", {
  id: text().primaryKey(),
  name: text().notNull().unique(),
  role: text().$type<NodeRole>().notNull(),
  /** JSON list: names of servers. */
  servers: text().notNull(),
  /** SHA-256 of its token. */
  tokenHash: blob("token_hash", { mode: "buffer" }).notNull().unique(),
  createdAt: text("created_at").notNull(),
});

/** The processes of a node, as they were heard last. */
export const nodeProcesses = sqliteTable(
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
    enforcedRevision: integer("enforced_revision").notNull(),
    enforcedLineage: text("enforced_lineage").notNull(),
    heardAt: text("heard_at").notNull(),
    /** JSON list: `ADDRESS:PORT`. */
    listeners: text().notNull(),
    /** JSON object. */
    programPorts: text("program_ports").notNull(),
    /** Null: none. */
    leaseMs: integer("lease_ms"),
    /** JSON list; null: none. */
    addresses: text(),
    /** JSON list; null: none. */
    containerNetworks: text("container_networks"),
  },
  (table) => [primaryKey({ columns: [table.nodeId, table.process] })],
);
