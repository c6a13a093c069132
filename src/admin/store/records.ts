// What the store keeps and is asked, in the domain's words.
import type { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import type { Lineage } from "../../policy/lineage.ts";
import type { ListPosition, ListQuery } from "./paging.ts";

/** Whose data a call may touch. It goes into the query; nothing is filtered afterwards. */
export interface Scope {
  readonly userId: string;
  /** The realm that the call was made in, and that what it makes belongs to; null: the unscoped host. */
  readonly realmId: string | null;
  /** Only what carries all of these realms exists: the active one, and the one asked for. */
  readonly realms: readonly string[];
  /** The realms that the caller is confined to; null: it is not. */
  readonly confinedTo: readonly string[] | null;
  /** Only what lies in projects where the user has this level exists. Owners have every level. */
  readonly level: ProjectLevel;
  /** The call is a dry run: the store does not write for it, whatever its method does. */
  readonly dryRun?: boolean;
}

/** What a caller may do with a resource. */
export interface AccessRecord {
  readonly level: ProjectLevel;
  /** It is in a realm that the caller may not use. */
  readonly shared: boolean;
}

export interface ResourceKey {
  readonly kind: "project" | "container" | "alias";
  readonly id: string;
}

/** A write that made revision `revision`. */
export interface Committed {
  readonly revision: number;
  /** Of the revision; see Lineage. */
  readonly lineage: string;
}

/** What a transaction makes, before the store knows whether it commits. */
export type Revised = Pick<Committed, "revision">;

/** The result of a transaction once it has committed. */
export type CommittedResult<Result> = Result extends Revised ? Result & Committed : Result;

/** Where a reader of changes is: what it knows is the state at this revision of this lineage. */
export type ChangeCursor = Committed;

export interface User {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
  readonly passwordHash: string;
  readonly isAdmin: boolean;
  /** Its sessions are over, and its tokens are refused. */
  readonly isBanned: boolean;
  readonly sessionGeneration: number;
  readonly alias: string | null;
  readonly publicKey: string | null;
  /** JSON object. */
  readonly metadata: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** An account that an operator makes. */
export type NewAccount = Pick<User, "username" | "passwordHash" | "isAdmin"> & {
  readonly email: string;
};

/** What an operator changes of an account. A new password and a ban end its sessions. */
export type AccountChange = Partial<
  NewAccount & Pick<User, "isBanned" | "alias" | "publicKey" | "metadata">
>;

/** Which account already has the name or the address. */
export type AccountTaken = "username" | "email";

/** How a new member is named. */
export type UserName =
  | { readonly userId: string }
  | { readonly username: string }
  | { readonly email: string };

export interface LoginRecord {
  readonly ip: string;
  readonly at: string;
}

export interface Token {
  readonly id: string;
  readonly userId: string;
  readonly alias: string;
  readonly publicKey: string | null;
  /** JSON object. */
  readonly publicStorage: string | null;
  /** IPv4 networks, or `*`. */
  readonly ipWhitelist: readonly string[];
  /** JSON: TokenPermissions. */
  readonly permissions: string;
  readonly realmIds: readonly string[];
  readonly allowNoRealm: boolean;
  readonly vaultAccess: boolean;
  readonly eventAccess: boolean;
  readonly expiresAt: string | null;
  readonly isEnabled: boolean;
  readonly createdByTokenId: string | null;
  readonly delegationDepth: number;
  readonly lastUsedAt: string | null;
  readonly lastUsedIp: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type NewToken = Omit<
  Token,
  "id" | "userId" | "isEnabled" | "lastUsedAt" | "lastUsedIp" | "createdAt" | "updatedAt"
>;

export type TokenChange = Partial<
  Pick<
    Token,
    | "alias"
    | "publicKey"
    | "publicStorage"
    | "ipWhitelist"
    | "permissions"
    | "realmIds"
    | "allowNoRealm"
    | "vaultAccess"
    | "eventAccess"
    | "expiresAt"
    | "isEnabled"
  >
>;

/** Which tokens a call may touch: the user's, or those made from a token; on a realm host those that are in the realm. */
export interface TokenScope extends Pick<Scope, "userId" | "realms"> {
  /** Null: a user session. */
  readonly madeFrom: string | null;
}

/** With what else a write of tokens goes by: aliases and numbers count among the tokens that the caller may ever see. */
export interface TokenWriter extends TokenScope, Pick<Scope, "confinedTo"> {}

/** Part of a list, cut where its text would be too long. */
export interface TokenList {
  readonly tokens: readonly Token[];
  /** The position of the last token; null when no token follows it. */
  readonly next: ListPosition | null;
}

export interface Server {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
}

export interface StoredProject {
  readonly id: string;
  readonly userId: string;
  readonly alias: string;
  readonly color: string;
  readonly maxContainers: number | null;
  readonly realmIds: readonly string[];
  readonly isDefault: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type NewProject = Pick<StoredProject, "alias" | "color" | "maxContainers" | "realmIds">;
export type ProjectChange = Partial<NewProject>;

/** What went with a deleted project. */
export interface DeletedProject {
  readonly containers: readonly { readonly id: string; readonly name: string }[];
  readonly permissions: number;
  readonly aliases: number;
}

export interface Member {
  readonly id: string;
  readonly projectId: string;
  readonly userId: string;
  readonly level: ProjectLevel;
  readonly username: string;
  readonly alias: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Where a program listens, instance n at port + (n - 1) * stride, and how the gate speaks with it; see the API's ProgramPort. */
export interface ProgramPort {
  /** 0: of `http` and `https`, whose port the URL names. */
  readonly port: number;
  readonly stride: number;
  readonly host?: string;
  readonly responseTimeoutS?: number;
  readonly protocol?: string;
}

export interface StoredContainer {
  readonly id: string;
  readonly projectId: string;
  /** Null: the project is not in this scope. */
  readonly projectAlias: string | null;
  readonly serverId: string;
  readonly serverName: string;
  readonly name: string;
  readonly color: string;
  readonly status: string;
  readonly realmIds: readonly string[];
  readonly comment: string | null;
  readonly address: string | null;
  readonly programs: Readonly<Record<string, ProgramPort>>;
  readonly hasOwnDocument: boolean;
  /** False, too, where the project is not in this scope. */
  readonly hasProjectDocument: boolean;
  readonly aliasCount: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type NewContainer = Pick<
  StoredContainer,
  "projectId" | "serverId" | "name" | "color" | "realmIds" | "comment" | "address" | "programs"
>;

export type ContainerChange = Partial<
  Pick<StoredContainer, "name" | "color" | "realmIds" | "comment">
>;

/** Where the gate dials. */
export type UpstreamRecord = Pick<StoredContainer, "address" | "programs">;

export interface StatusLog {
  readonly id: string;
  readonly containerId: string;
  readonly fromStatus: string | null;
  readonly toStatus: string;
  readonly transitionTime: string;
  readonly durationMs: number | null;
  readonly triggeredBy: string;
  readonly operation: string | null;
}

export interface StoredAlias {
  readonly id: string;
  /** The owner of the project. */
  readonly userId: string;
  readonly projectId: string;
  /** Null: the project is not in this scope. */
  readonly projectAlias: string | null;
  readonly containerId: string;
  readonly containerName: string;
  readonly serverId: string;
  readonly serverName: string;
  readonly alias: string;
  readonly program: string;
  readonly instance: number;
  /** Null: none, or it is hidden. */
  readonly targetPath: string | null;
  /** There is a target, and the caller may not edit the project: it may carry credentials. */
  readonly targetHidden?: true;
  readonly allowPathOverride: boolean;
  readonly expiresAt: string | null;
  readonly enabled: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type NewAlias = Pick<
  StoredAlias,
  | "containerId"
  | "alias"
  | "program"
  | "instance"
  | "targetPath"
  | "allowPathOverride"
  | "expiresAt"
  | "enabled"
>;
export type AliasChange = Partial<Omit<NewAlias, "containerId">>;

/** Newest first; the greatest list there may be when `limit` is unset. */
export interface AliasQuery extends ListQuery {
  readonly projectId: string | null;
  readonly containerId: string | null;
  readonly enabled: boolean | null;
  readonly expired: boolean | null;
}

/** What of a caller's a realm holds. */
export interface RealmUsage {
  readonly realmId: string;
  readonly projects: number;
  readonly containers: number;
  readonly servers: number;
  readonly tokens: number;
}

/** Whose permission document. */
export interface DocumentKey {
  readonly kind: "project" | "container";
  readonly id: string;
}

export interface DocumentState {
  /** 0: never written. Grows by one with each write and never repeats. */
  readonly version: number;
  readonly enableProxy: boolean;
  /** The document as JSON text, without hooks; null while none is stored. */
  readonly body: string | null;
  /** The hooks as JSON text, program to list; null: none. Only containers have them. */
  readonly hooks: string | null;
}

/** A document with what a write of it depends on. */
export interface DocumentView {
  readonly projectId: string;
  readonly state: DocumentState;
  /** Of a container's project, or null where that is not in this scope; of a project's document: itself. */
  readonly projectState: DocumentState | null;
  /** It is a project's, and holds for a container that is beyond the realms of the caller, or in others, too. */
  readonly reachesBeyond: boolean;
}

export interface DocumentWrite {
  /** The version that the writer saw. */
  readonly expected: number;
  /** The version of the project's document that the new state was made from; null when it does not matter. */
  readonly projectVersion: number | null;
  readonly enableProxy: boolean;
  readonly body: string | null;
  readonly hooks: string | null;
}

/**
 * `stale`: somebody else wrote first, the caller has to read again. `moved`: the project's document moved on, the new state
 * has to be made again.
 */
export type DocumentWritten = ({ readonly version: number } & Committed) | "stale" | "moved";

/** What the proxy needs to know of a project; null: it is gone. `userId`: its owner, where that is asked. `unreadable`: its row does not open. */
export interface ProjectRecord {
  readonly id: string;
  readonly state:
    | (Pick<DocumentState, "enableProxy" | "body"> & {
        readonly userId?: string;
        readonly unreadable?: true;
      })
    | null;
}

/** What the proxy needs to know of a container; null: it is gone. */
export interface ContainerRecord {
  readonly id: string;
  readonly state:
    | (Pick<StoredContainer, "projectId" | "serverName" | "status" | "address" | "programs"> & {
        readonly enableProxy: boolean;
        readonly body: string | null;
        readonly hooks: string | null;
        /** Set when its row does not open: both are null though something is stored. */
        readonly unreadable?: true;
        readonly aliases: readonly AliasRecord[];
      })
    | null;
}

/** What the proxy knows of a container once all is announced, for those who may see it. */
export interface EffectiveState {
  readonly container: NonNullable<ContainerRecord["state"]>;
  readonly own: DocumentState;
  /** The document of its project; null: the project is not in this scope. */
  readonly project: DocumentState | null;
}

/** How many containers of a project there are in a scope, and how many of them have no document of their own. */
export interface DependentContainers {
  readonly containers: number;
  readonly following: number;
}

/** What the proxy needs to know of an alias. */
export type AliasRecord = Pick<
  StoredAlias,
  "alias" | "program" | "instance" | "targetPath" | "allowPathOverride" | "expiresAt" | "enabled"
>;

/** The present state of all that changed after a revision. */
export interface ChangeRecords {
  readonly revision: number;
  /** In the order of their first revisions. */
  readonly lineages: readonly Lineage[];
  /** Everything there is, whatever the reader knew before: nothing of that is left. */
  readonly isAll: boolean;
  readonly projects: readonly ProjectRecord[];
  readonly containers: readonly ContainerRecord[];
}
