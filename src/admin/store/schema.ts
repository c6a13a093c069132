// Tables, as drizzle sees them. Times are ISO 8601 text with milliseconds, so that they sort as they read.
import {
  blob,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core";

export const users = sqliteTable("users", {
  id: text().primaryKey(),
  username: text().notNull().unique(),
  /** Lower case. */
  email: text().unique(),
  /** argon2id, encoded. */
  passwordHash: text("password_hash").notNull(),
  isAdmin: integer("is_admin", { mode: "boolean" }).notNull(),
  /** Sessions of an earlier generation are over. */
  sessionGeneration: integer("session_generation").notNull(),
  createdAt: text("created_at").notNull(),
  updatedAt: text("updated_at").notNull(),
});

export const servers = sqliteTable("servers", {
  id: text().primaryKey(),
  name: text().notNull().unique(),
  createdAt: text("created_at").notNull(),
});

export const projects = sqliteTable(
  "projects",
  {
    id: text().primaryKey(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id),
    alias: text().notNull(),
    color: text().notNull(),
    maxContainers: integer("max_containers"),
    createdAt: text("created_at").notNull(),
    updatedAt: text("updated_at").notNull(),
  },
  (table) => [index("projects_by_user").on(table.userId, table.createdAt)],
);

export const projectRealms = sqliteTable(
  "project_realms",
  {
    projectId: text("project_id")
      .notNull()
      .references(() => projects.id, { onDelete: "cascade" }),
    realmId: text("realm_id").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.projectId, table.realmId] }),
    index("project_realms_by_realm").on(table.realmId),
  ],
);

export const containers = sqliteTable(
  "containers",
  {
    id: text().primaryKey(),
    projectId: text("project_id")
      .notNull()
      .references(() => projects.id, { onDelete: "cascade" }),
    serverId: text("server_id")
      .notNull()
      .references(() => servers.id),
    name: text().notNull(),
    color: text().notNull(),
    status: text().notNull(),
    comment: text(),
    address: text(),
    /** JSON: program → {port, stride}. */
    programs: text().notNull(),
    createdAt: text("created_at").notNull(),
    updatedAt: text("updated_at").notNull(),
  },
  (table) => [uniqueIndex("containers_by_name").on(table.projectId, table.name)],
);

export const containerRealms = sqliteTable(
  "container_realms",
  {
    containerId: text("container_id")
      .notNull()
      .references(() => containers.id, { onDelete: "cascade" }),
    realmId: text("realm_id").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.containerId, table.realmId] }),
    index("container_realms_by_realm").on(table.realmId),
  ],
);

/** One row for each project or container whose document was ever written; it stays after DELETE to keep the version. */
export const documents = sqliteTable(
  "documents",
  {
    /** `project` or `container`. */
    kind: text({ enum: ["project", "container"] }).notNull(),
    ownerId: text("owner_id").notNull(),
    version: integer().notNull(),
    enableProxy: integer("enable_proxy", { mode: "boolean" }).notNull(),
    /** The document as sealed JSON; null while none is stored (kill switch alone, or deleted). */
    body: blob({ mode: "buffer" }),
  },
  (table) => [primaryKey({ columns: [table.kind, table.ownerId] })],
);

/**
 * The latest change of each project and container. The row's id is the revision; a new change of the same entity takes
 * its row's place at the end, so the table grows with the entities and not with the writes.
 */
export const changes = sqliteTable(
  "changes",
  {
    revision: integer().primaryKey({ autoIncrement: true }),
    kind: text({ enum: ["project", "container"] }).notNull(),
    entityId: text("entity_id").notNull(),
  },
  (table) => [uniqueIndex("changes_by_entity").on(table.kind, table.entityId)],
);
