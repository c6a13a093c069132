// Tables, as drizzle sees them. Times are ISO 8601 text with milliseconds, so that they sort as they read.
import {
  type AnyPgColumn,
  bigint,
  boolean,
  index,
  integer,
  primaryKey,
  uniqueIndex,
} from "drizzle-orm/pg-core";
import { bytea, realmgate, text } from "./columns.ts";

/** Rises with each row, also within one instant; orders lists. */
const sequence = () => bigint({ mode: "number" }).notNull().generatedAlwaysAsIdentity().unique();

export const users = realmgate.table("users", {
  id: text().primaryKey(),
  sequence: sequence(),
  username: text().notNull().unique(),
  /** Lower case. */
  email: text().unique(),
  /** argon2id, encoded. */
  passwordHash: text("password_hash").notNull(),
  isAdmin: boolean("is_admin").notNull(),
  /** Sessions and tokens of the user are refused. */
  isBanned: boolean("is_banned").notNull().default(false),
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
export const logins = realmgate.table(
  "logins",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    ip: text().notNull(),
    at: text().notNull(),
  },
  (table) => [index("logins_by_user").on(table.userId, table.id)],
);

export const tokens = realmgate.table(
  "tokens",
  {
    id: text().primaryKey(),
    sequence: sequence(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id, { onDelete: "cascade" }),
    /** SHA-256 of the secret. */
    secretHash: bytea("secret_hash").notNull().unique(),
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
    allowNoRealm: boolean("allow_no_realm").notNull(),
    vaultAccess: boolean("vault_access").notNull(),
    eventAccess: boolean("event_access").notNull(),
    expiresAt: text("expires_at"),
    isEnabled: boolean("is_enabled").notNull(),
    /** The token that made it. What was made from a token goes with it. */
    createdByTokenId: text("created_by_token_id").references((): AnyPgColumn => tokens.id, {
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

export const tokenRealms = realmgate.table(
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

export const servers = realmgate.table("servers", {
  id: text().primaryKey(),
  name: text().notNull().unique(),
  createdAt: text("created_at").notNull(),
});

export const projects = realmgate.table(
  "projects",
  {
    id: text().primaryKey(),
    sequence: sequence(),
    userId: text("user_id")
      .notNull()
      .references(() => users.id),
    alias: text().notNull(),
    color: text().notNull(),
    maxContainers: integer("max_containers"),
    isDefault: boolean("is_default").notNull().default(false),
    createdAt: text("created_at").notNull(),
    updatedAt: text("updated_at").notNull(),
  },
  (table) => [
    index("projects_by_user").on(table.userId, table.createdAt),
    index("projects_by_alias").on(table.userId, table.alias),
  ],
);

export const projectRealms = realmgate.table(
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
export const realms = realmgate.table(
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
export const members = realmgate.table(
  "members",
  {
    id: text().primaryKey(),
    sequence: sequence(),
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

export const containers = realmgate.table(
  "containers",
  {
    id: text().primaryKey(),
    sequence: sequence(),
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

export const containerRealms = realmgate.table(
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
export const statusLogs = realmgate.table(
  "status_logs",
  {
    id: text().primaryKey(),
    sequence: sequence(),
    containerId: text("container_id")
      .notNull()
      .references(() => containers.id, { onDelete: "cascade" }),
    fromStatus: text("from_status"),
    toStatus: text("to_status").notNull(),
    transitionTime: text("transition_time").notNull(),
    /** Milliseconds in fromStatus. */
    durationMs: bigint("duration_ms", { mode: "number" }),
    triggeredBy: text("triggered_by").notNull(),
    /** The operation that was asked for; null at creation. */
    operation: text(),
  },
  (table) => [index("status_logs_by_container").on(table.containerId, table.transitionTime)],
);

export const aliases = realmgate.table(
  "aliases",
  {
    id: text().primaryKey(),
    sequence: sequence(),
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
    /** Path and query, sealed: they may carry credentials. */
    target: bytea("sealed_target"),
    allowPathOverride: boolean("allow_path_override").notNull(),
    expiresAt: text("expires_at"),
    enabled: boolean().notNull(),
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
export const documents = realmgate.table(
  "documents",
  {
    /** `project` or `container`. */
    kind: text().$type<"project" | "container">().notNull(),
    ownerId: text("owner_id").notNull(),
    version: integer().notNull(),
    enableProxy: boolean("enable_proxy").notNull(),
    /** The document as sealed JSON, without hooks; null while none is stored (kill switch or hooks alone, or deleted). */
    body: bytea(),
    /** The hooks as sealed JSON; null: none. */
    hooks: bytea(),
  },
  (table) => [primaryKey({ columns: [table.kind, table.ownerId] })],
);

/**
 * The latest change of each project and container; a new change of the same entity takes its row's place, so the table grows with
 * the entities and not with the writes.
 */
export const changes = realmgate.table(
  "changes",
  {
    revision: bigint({ mode: "number" }).primaryKey(),
    kind: text().$type<"project" | "container">().notNull(),
    entityId: text("entity_id").notNull(),
    /** Of a container, also of one that is gone: whose proxies have to know. */
    serverId: text("server_id"),
    projectId: text("project_id"),
  },
  (table) => [
    uniqueIndex("changes_by_entity").on(table.kind, table.entityId),
    index("changes_by_server").on(table.serverId, table.revision),
    index("changes_by_project").on(table.projectId, table.serverId),
  ],
);

/** One row. Whoever writes holds its lock from the beginning to the commit: revisions are dense and in the order of commits. */
export const revisions = realmgate.table("revisions", {
  one: boolean().primaryKey(),
  /** The number of the last committed change. */
  value: bigint({ mode: "number" }).notNull(),
  /** The oldest program that may use these tables, by the number of migrations that it knows. */
  minVersion: integer("min_version").notNull(),
});

/**
 * Whose revisions are whose. The revisions after `from_revision`, up to that of the next row, were made by one run of the server on
 * one copy of the tables. A server that lost commits, or was restored, gives numbers twice, but never with one tag.
 */
export const lineages = realmgate.table("lineages", {
  fromRevision: bigint("from_revision", { mode: "number" }).primaryKey(),
  /** Random; 16 hex digits. */
  tag: text().notNull(),
  /** The run and the copy; see Lineage. */
  source: text().notNull(),
});

/** One row: shows whether a secret key is the one that sealed what is in this database. */
export const secretKey = realmgate.table("secret_key", {
  one: boolean().primaryKey(),
  /** A text that is known, sealed. */
  sealed: bytea().notNull(),
});

/** What was done, by whom, and what was refused: rows are added, never changed, and leave when they are old. */
export const events = realmgate.table(
  "events",
  {
    id: text().primaryKey(),
    sequence: sequence(),
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
    versionBefore: bigint("version_before", { mode: "number" }),
    versionAfter: bigint("version_after", { mode: "number" }),
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
export const eventRealms = realmgate.table(
  "event_realms",
  {
    eventId: text("event_id")
      .notNull()
      .references(() => events.id, { onDelete: "cascade" }),
    realmId: text("realm_id").notNull(),
  },
  (table) => [primaryKey({ columns: [table.eventId, table.realmId] })],
);
