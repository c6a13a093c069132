// Tables, as drizzle sees them. Times are ISO 8601 text with milliseconds, so that they sort as they read.
import {
  type AnySQLiteColumn,
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
  /** Sessions and tokens of the user are refused. */
  isBanned: integer("is_banned", { mode: "boolean" }).notNull().default(false),
  /** Sessions of an earlier generation are over. */
  sessionGeneration: integer("session_generation").notNull(),
  alias: text(),
  /** ED25519, 64 hex digits. */
  publicKey: text("public_key"),
  /** JSON object. */
  metadata: text().notNull().default("{}"),
  createdAt: text("created_at").notNull(),
  updatedAt: text("updated_at").notNull(),
});

/** The latest logins of each user; see UserStore.recordLogin. */
export const logins = sqliteTable(
  "logins",
  {
    id: integer().primaryKey({ autoIncrement: true }),
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    ip: text().notNull(),
    at: text().notNull(),
  },
  (table) => [index("logins_by_user").on(table.userId, table.id)],
);

export const tokens = sqliteTable(
  "tokens",
  {
    id: text().primaryKey(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** SHA-256 of the secret. */
    secretHash: blob("secret_hash", { mode: "buffer" }).notNull().unique(),
    alias: text().notNull(),
    publicKey: text("public_key"),
    /** Since when it has this one: who had it first is who is found by it. */
    publicKeyAt: text("public_key_at"),
    /** JSON object. */
    publicStorage: text("public_storage"),
    /** JSON list of IPv4 networks, or `*`. */
    ipWhitelist: text("ip_whitelist").notNull(),
    /** JSON: TokenPermissions. */
    permissions: text().notNull(),
    allowNoRealm: integer("allow_no_realm", { mode: "boolean" }).notNull(),
    vaultAccess: integer("vault_access", { mode: "boolean" }).notNull(),
    eventAccess: integer("event_access", { mode: "boolean" }).notNull(),
    expiresAt: text("expires_at"),
    isEnabled: integer("is_enabled", { mode: "boolean" }).notNull(),
    /** The token that made it. What was made from a token goes with it. */
    createdByTokenId: text("created_by_token_id").references((): AnySQLiteColumn => tokens.id, {
      onDelete: "cascade",
    }),
    delegationDepth: integer("delegation_depth").notNull(),
    lastUsedAt: text("last_used_at"),
    lastUsedIp: text("last_used_ip"),
    createdAt: text("created_at").notNull(),
    updatedAt: text("updated_at").notNull(),
  },
  (table) => [
    index("tokens_by_user").on(table.userId, table.createdAt),
    index("tokens_by_maker").on(table.createdByTokenId),
    index("tokens_by_public_key").on(table.publicKey),
  ],
);

export const tokenRealms = sqliteTable(
  "token_realms",
  {
    tokenId: text("token_id")
      .notNull()
      .references(() => tokens.id, { onDelete: "cascade" }),
    realmId: text("realm_id").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tokenId, table.realmId] }),
    index("token_realms_by_realm").on(table.realmId),
  ],
);

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
    isDefault: integer("is_default", { mode: "boolean" }).notNull().default(false),
    createdAt: text("created_at").notNull(),
    updatedAt: text("updated_at").notNull(),
  },
  (table) => [
    index("projects_by_user").on(table.userId, table.createdAt),
    index("projects_by_alias").on(table.userId, table.alias),
  ],
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

/** Realms that somebody made up: an id that nothing else names yet, with a name. */
export const realms = sqliteTable(
  "realms",
  {
    id: text().primaryKey(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    name: text().notNull(),
    createdAt: text("created_at").notNull(),
  },
  (table) => [uniqueIndex("realms_by_name").on(table.userId, table.name)],
);

/** Users who may do something in a project that is not theirs. */
export const members = sqliteTable(
  "members",
  {
    id: text().primaryKey(),
    projectId: text("project_id")
      .notNull()
      .references(() => projects.id, { onDelete: "cascade" }),
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** ProjectLevel: 1 read, 2 edit, 3 delete; each includes the ones before. */
    level: integer().notNull(),
    createdAt: text("created_at").notNull(),
    updatedAt: text("updated_at").notNull(),
  },
  (table) => [
    uniqueIndex("members_by_project").on(table.projectId, table.userId),
    index("members_by_user").on(table.userId),
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
  // Two containers of a project share a name only where no realm holds both: checked where they are written.
  (table) => [index("containers_by_name").on(table.projectId, table.name)],
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

/** The latest changes of each container's status. */
export const statusLogs = sqliteTable(
  "status_logs",
  {
    id: text().primaryKey(),
    containerId: text("container_id")
      .notNull()
      .references(() => containers.id, { onDelete: "cascade" }),
    fromStatus: text("from_status"),
    toStatus: text("to_status").notNull(),
    transitionTime: text("transition_time").notNull(),
    /** Milliseconds in fromStatus. */
    durationMs: integer("duration_ms"),
    triggeredBy: text("triggered_by").notNull(),
    /** The operation that was asked for; null at creation. */
    operation: text(),
  },
  (table) => [index("status_logs_by_container").on(table.containerId, table.transitionTime)],
);

export const aliases = sqliteTable(
  "aliases",
  {
    id: text().primaryKey(),
    containerId: text("container_id")
      .notNull()
      .references(() => containers.id, { onDelete: "cascade" }),
    /** The container's server and its project's owner: a name is taken once on each. */
    serverId: text("server_id")
      .notNull()
      .references(() => servers.id),
    userId: text("user_id")
      .notNull()
      .references(() => users.id),
    alias: text().notNull(),
    program: text().notNull(),
    instance: integer().notNull(),
    /** Null in every row: where it was before targets were sealed. */
    plainTarget: text("target_path"),
    /** Path and query, sealed: they may carry credentials. */
    target: blob("sealed_target", { mode: "buffer" }),
    allowPathOverride: integer("allow_path_override", { mode: "boolean" }).notNull(),
    expiresAt: text("expires_at"),
    enabled: integer({ mode: "boolean" }).notNull(),
    createdAt: text("created_at").notNull(),
    updatedAt: text("updated_at").notNull(),
  },
  (table) => [
    uniqueIndex("aliases_by_server").on(table.serverId, table.alias),
    uniqueIndex("aliases_by_user").on(table.userId, table.alias),
    index("aliases_by_container").on(table.containerId),
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
    /** The document as sealed JSON, without hooks; null while none is stored (kill switch or hooks alone, or deleted). */
    body: blob({ mode: "buffer" }),
    /** The hooks as sealed JSON; null: none. */
    hooks: blob({ mode: "buffer" }),
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

/** What was done, by whom, and what was refused: rows are added, never changed, and leave when they are old. */
export const events = sqliteTable(
  "events",
  {
    id: text().primaryKey(),
    createdAt: text("created_at").notNull(),
    kind: text().notNull(),
    /** Of a refusal: its code, and the kind that the call would have had. */
    code: text(),
    attempted: text(),
    /** Who did it, also when the account is gone; null: nobody known. */
    actorId: text("actor_id"),
    actorName: text("actor_name"),
    tokenId: text("token_id"),
    ip: text(),
    requestId: text("request_id"),
    /** The realm that the call was made in. */
    realmId: text("realm_id"),
    resourceKind: text("resource_kind"),
    resourceId: text("resource_id"),
    projectId: text("project_id"),
    /** The owner of the project, or the user whose account or token it is about. */
    ownerId: text("owner_id"),
    /** JSON list of names, never values. */
    fields: text().notNull(),
    versionBefore: integer("version_before"),
    versionAfter: integer("version_after"),
    /** Of the call: the HTTP method and path of its route, and the status that it was answered with. */
    method: text(),
    path: text(),
    status: integer(),
  },
  (table) => [
    index("events_by_time").on(table.createdAt),
    index("events_by_owner").on(table.ownerId, table.createdAt),
    index("events_by_project").on(table.projectId, table.createdAt),
    index("events_by_actor").on(table.actorId, table.createdAt),
    index("events_by_resource").on(table.resourceId, table.createdAt),
  ],
);

/** The realms that an event's resource was in. */
export const eventRealms = sqliteTable(
  "event_realms",
  {
    eventId: text("event_id")
      .notNull()
      .references(() => events.id, { onDelete: "cascade" }),
    realmId: text("realm_id").notNull(),
  },
  (table) => [primaryKey({ columns: [table.eventId, table.realmId] })],
);

/** The revisions after `from_revision`, up to that of the next row, were made by one process on one copy of the file. */
export const lineages = sqliteTable("lineages", {
  fromRevision: integer("from_revision").primaryKey(),
  /** Random; 16 hex digits. */
  tag: text().notNull(),
});
