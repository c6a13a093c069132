// The Store contract, in the domain's words. Reads and writes of tenants' data take a Scope; there is no way around it.
// Every write is one transaction: it changes the data, records the change, and is durable when its promise resolves.

import type { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import type { Lineage } from "../../policy/lineage.ts";
import type { EventStore } from "./event-store.ts";
import type { NewNode, NodeProcess, StoredNode } from "./node-records.ts";
import type {
  ContainerColumn,
  ListPage,
  ListQuery,
  MemberColumn,
  Page,
  PageQuery,
  ProjectColumn,
  StatusLogColumn,
  UserColumn,
} from "./paging.ts";
import type { PoolUse } from "./pool-use.ts";
import type { NamedRealm } from "./realm-records.ts";
import type {
  AccessRecord,
  AccountChange,
  AccountTaken,
  AliasChange,
  AliasQuery,
  ChangeCursor,
  ChangeRecords,
  Committed,
  ContainerChange,
  DeletedProject,
  DependentContainers,
  DocumentKey,
  DocumentView,
  DocumentWrite,
  DocumentWritten,
  EffectiveState,
  LoginRecord,
  Member,
  NewAccount,
  NewAlias,
  NewContainer,
  NewProject,
  NewToken,
  ProjectChange,
  RealmUsage,
  ResourceKey,
  Scope,
  Server,
  StatusLog,
  StoredAlias,
  StoredContainer,
  StoredProject,
  Token,
  TokenChange,
  TokenList,
  TokenScope,
  TokenWriter,
  UpstreamRecord,
  User,
  UserName,
} from "./records.ts";

export interface UserStore {
  hasUsers(): Promise<boolean>;
  /** The first user, with a default project, unless there is any user already. Answers whether it was made. */
  createFirstUser(user: { username: string; passwordHash: string }): Promise<boolean>;
  /** A user with a default project. Answers whether it was made: not when the address or the name is taken. */
  createUser(user: { username: string; email: string; passwordHash: string }): Promise<boolean>;
  /** By user name (case-sensitive) or e-mail address (lower-cased here). */
  userForLogin(name: { username: string } | { email: string }): Promise<User | null>;
  userById(id: string): Promise<User | null>;
  /** A user with a default project, made by an operator; or what of it is taken. */
  createAccount(account: NewAccount): Promise<User | AccountTaken>;
  /** All accounts, or those with the text in a name or the address, or for their id. A to Z in either case. */
  users(query: PageQuery<UserColumn> & { readonly search: string | null }): Promise<ListPage<User>>;
  /** By an operator. `last_operator`: nobody else operates the installation. Null: no such user. */
  updateAccount(
    id: string,
    change: AccountChange,
  ): Promise<User | AccountTaken | "last_operator" | null>;
  /** With projects, memberships and tokens. `has_containers`: unless they may go, too. Null: no such user. */
  deleteAccount(
    id: string,
    withContainers: boolean,
  ): Promise<Committed | "last_operator" | "has_containers" | null>;
  /** A new password ends every session. Null: no such user, or its sessions ended since `generation`. */
  updateUser(
    id: string,
    generation: number,
    change: Partial<Pick<User, "alias" | "publicKey" | "metadata" | "passwordHash">>,
  ): Promise<User | null>;
  /** Ends every session of the user. */
  endSessions(id: string): Promise<void>;
  /** Keeps a login, and of all of the user's the 10 latest. */
  recordLogin(id: string, ip: string): Promise<void>;
  /** The 10 latest logins, newest first. */
  recentLogins(id: string): Promise<readonly LoginRecord[]>;
}

export interface TokenStore {
  /** A token by its secret's hash, with its ancestors after it, up to the one that a session made; empty: none. */
  tokenChain(secretHash: Buffer): Promise<readonly Token[]>;
  /** A token of the scope with all its ancestors, as above; empty: it does not exist in this scope. */
  chainOf(scope: TokenScope, id: string): Promise<readonly Token[]>;
  /** `duplicate`: the alias is taken. `limit`: there are as many as there may be. `gone`: the token that makes it is. */
  createToken(
    writer: TokenWriter,
    token: NewToken & { readonly secretHash: Buffer },
  ): Promise<Token | "duplicate" | "limit" | "gone">;
  /** Newest first; at most 1,000, and fewer where their text would be longer than a list may be. */
  tokens(scope: TokenScope, query?: ListQuery): Promise<TokenList>;
  /** Null: it does not exist in this scope. */
  token(scope: TokenScope, id: string): Promise<Token | null>;
  /** `change` is told what the token is, in one transaction with the write; what it throws leaves all as it was. */
  updateToken(
    writer: TokenWriter,
    id: string,
    change: (present: Token) => TokenChange,
  ): Promise<Token | "duplicate" | "limit" | null>;
  /** A token's change of itself; `change` as above. Null: it is gone. */
  updateOwnProfile(
    id: string,
    change: (present: Token) => Pick<TokenChange, "publicKey" | "publicStorage">,
  ): Promise<Token | null>;
  /** And all made from it. Answers whether it existed in this scope. */
  deleteToken(scope: TokenScope, id: string): Promise<boolean>;
  /** The token that has had this public key (lower case) for longest of those that carry the realms, whosever it is. */
  publicProfile(
    publicKey: string,
    realms: readonly string[],
  ): Promise<{ readonly publicStorage: string | null } | null>;
  /** Notes a use now. Answers what is noted. */
  touchToken(id: string, ip: string): Promise<Pick<Token, "lastUsedAt" | "lastUsedIp">>;
  /** Tokens of a user. */
  tokenCount(userId: string): Promise<number>;
}

export interface RealmStore {
  /**
   * What the realms hold that the scope's projects, containers and the tokens name, in order, at most `limit`; `total` counts
   * them all, with those that the user made up. In a realm only that one; for a confined caller only its own. A token is one of
   * those made from it here.
   */
  realms(scope: Scope, tokens: TokenScope, limit: number): Promise<Page<RealmUsage>>;
  /** The names of realms, by id: those that the user made up, and those that it meets as a member of their makers' projects. */
  realmNames(scope: Scope, realmIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** With a new id. `taken`: the user has one of this name. `limit`: it has as many as it may. */
  createRealm(userId: string, name: string): Promise<NamedRealm | "taken" | "limit">;
  /** Forgets one that the user made up. Answers whether there was one. */
  deleteRealm(userId: string, id: string): Promise<boolean>;
}

export interface ServerStore {
  /** This node's row, made at its first start. */
  registerServer(name: string): Promise<Server>;
  servers(): Promise<readonly Server[]>;
}

export interface NodeStore {
  /** With rows for its servers. `duplicate`: the name is taken. */
  createNode(node: NewNode): Promise<StoredNode | "duplicate">;
  /** By name. */
  nodes(): Promise<readonly StoredNode[]>;
  /** Null: there is none with this token, any more. */
  nodeByToken(tokenHash: Buffer): Promise<StoredNode | null>;
  /** With what was heard of its processes. Null: there is none. */
  deleteNode(id: string): Promise<StoredNode | null>;
  /** As they are now. Those of nodes that are gone are left out. */
  noteProcesses(processes: readonly NodeProcess[]): Promise<void>;
  nodeProcesses(): Promise<readonly NodeProcess[]>;
  /** This start of a process is over. */
  forgetProcess(process: Pick<NodeProcess, "nodeId" | "process" | "boot">): Promise<void>;
  /** Forgets those that were not heard since then (ISO 8601). */
  purgeProcesses(before: string): Promise<void>;
}

export interface LimitStore {
  /**
   * Counts one call under a key, for all control planes. `used`: calls in the present window, this one included; `endS`: when it
   * ends, Unix seconds. Null: there is one control plane, which counts by itself.
   */
  countShared(
    key: string,
    windowS: number,
  ): Promise<{ readonly used: number; readonly endS: number } | null>;
}

export interface AccessStore {
  /** What the caller may do with a resource, at whatever level; null: it does not exist in this scope. */
  access(scope: Scope, key: ResourceKey): Promise<AccessRecord | null>;
}

export interface ProjectStore {
  /** `duplicate`: the owner has the alias already where both would be visible. Rejects with AccountQuotaReached. */
  createProject(
    scope: Scope,
    project: NewProject,
  ): Promise<({ project: StoredProject } & Committed) | "duplicate">;
  /** Null: it does not exist in this scope. */
  project(scope: Scope, id: string): Promise<StoredProject | null>;
  /** All that are in the scope, or those of an alias. */
  projects(
    scope: Scope,
    query: PageQuery<ProjectColumn> & { readonly alias?: string | undefined },
  ): Promise<ListPage<StoredProject>>;
  /** Null: it does not exist in this scope. */
  updateProject(
    scope: Scope,
    id: string,
    change: ProjectChange,
  ): Promise<({ project: StoredProject } & Committed) | "duplicate" | null>;
  /**
   * Null: it does not exist in this scope. `shared`: a container that the caller sees is in a realm that it may not use.
   * A project with containers that a confined caller does not see only leaves the caller's realms.
   */
  deleteProject(
    scope: Scope,
    id: string,
  ): Promise<({ deleted: DeletedProject } & Committed) | "default" | "shared" | null>;
}

export interface MemberStore {
  /** Null: the project does not exist in this scope. */
  members(
    scope: Scope,
    projectId: string,
    query: PageQuery<MemberColumn>,
  ): Promise<ListPage<Member> | null>;
  /** Null: the project, or the permission in it, does not exist in this scope. */
  member(scope: Scope, projectId: string, id: string): Promise<Member | null>;
  /** `exists`: a member, or the owner. `limit`: there are as many as there may be. Null: no such project in this scope. */
  addMember(
    scope: Scope,
    projectId: string,
    member: UserName & Pick<Member, "level">,
  ): Promise<Member | "no_user" | "exists" | "limit" | null>;
  /**
   * `atMost`: a permission above it is left alone, which answers null as if it were not there. `confined`: it would be more than
   * before, which a confined caller may not give.
   */
  updateMember(
    scope: Scope,
    projectId: string,
    id: string,
    level: ProjectLevel,
    atMost: ProjectLevel,
  ): Promise<Member | "confined" | null>;
  removeMember(scope: Scope, projectId: string, id: string, atMost: ProjectLevel): Promise<boolean>;
}

export interface ContainerStore {
  /**
   * `no_project`: not in this scope. `quota`: the project is full. `duplicate`: the name is taken where both would be visible.
   * Rejects with AccountQuotaReached.
   */
  createContainer(
    scope: Scope,
    container: NewContainer,
  ): Promise<({ container: StoredContainer } & Committed) | "no_project" | "quota" | "duplicate">;
  /** Null: it does not exist in this scope. */
  container(scope: Scope, id: string): Promise<StoredContainer | null>;
  /** Of one project, or of all that are in the scope; all, or those of a name. */
  containers(
    scope: Scope,
    query: PageQuery<ContainerColumn> & {
      readonly projectId: string | null;
      readonly name?: string | undefined;
    },
  ): Promise<ListPage<StoredContainer>>;
  /** Null: it does not exist in this scope. */
  updateContainer(
    scope: Scope,
    id: string,
    change: ContainerChange,
  ): Promise<({ container: StoredContainer } & Committed) | "duplicate" | null>;
  /** With its document, hooks, aliases and logs. Null: it does not exist in this scope. */
  deleteContainer(scope: Scope, id: string): Promise<Committed | null>;
  /** Moves the status when it is one of `from`, and keeps a log of it. Null: it does not exist in this scope. */
  moveStatus(
    scope: Scope,
    id: string,
    move: { readonly operation: string; readonly from: readonly string[]; readonly to: string },
  ): Promise<({ container: StoredContainer } & Committed) | "conflict" | null>;
  /** Null: the container does not exist in this scope. */
  statusLogs(
    scope: Scope,
    id: string,
    query: PageQuery<StatusLogColumn>,
  ): Promise<ListPage<StatusLog> | null>;
  /** For operators, of any tenant's container that carries the realms; null: there is none. */
  setUpstream(
    id: string,
    realms: readonly string[],
    upstream: Partial<UpstreamRecord>,
  ): Promise<(UpstreamRecord & Committed) | null>;
}

export interface AliasStore {
  /** `server`, `account`: who has the name already. `limit`: the container has as many as it may. Null: no such container. */
  createAlias(
    scope: Scope,
    alias: NewAlias,
  ): Promise<({ alias: StoredAlias } & Committed) | "server" | "account" | "limit" | null>;
  alias(scope: Scope, id: string): Promise<StoredAlias | null>;
  /** Newest first, at most 1,000; `total` counts them all. */
  aliases(scope: Scope, query: AliasQuery): Promise<ListPage<StoredAlias>>;
  updateAlias(
    scope: Scope,
    id: string,
    change: AliasChange,
  ): Promise<({ alias: StoredAlias } & Committed) | "server" | "account" | null>;
  deleteAlias(scope: Scope, id: string): Promise<Committed | null>;
}

export interface DocumentStore {
  /** Null: the project or container does not exist in this scope. */
  document(scope: Scope, key: DocumentKey): Promise<DocumentView | null>;
  /** Compare and swap. Null: the project or container does not exist in this scope (any more). Rejects for a dry run, and with AccountQuotaReached. */
  putDocument(
    scope: Scope,
    key: DocumentKey,
    write: DocumentWrite,
  ): Promise<DocumentWritten | null>;
}

export interface EffectiveStateStore {
  /** As it is stored now, in one look. Null: the container does not exist in this scope. */
  effectiveState(scope: Scope, containerId: string): Promise<EffectiveState | null>;
  /** Of the containers that exist in this scope. */
  followers(scope: Scope, projectId: string): Promise<DependentContainers>;
}

export interface ChangeRecordStore {
  /**
   * For proxies, never for callers: everything after a revision, of all tenants. Everything there is for 0, and for a cursor of
   * another lineage than this database has at its revision, or beyond its last: of what such a reader knows nothing is certain.
   * `servers`: only what the proxies of these have to know, by name. A project in which they have no container is gone to them.
   * `resumesOnly`: where everything had to be read, nothing is, and the answer says so.
   */
  changesAfter(
    cursor: number | ChangeCursor,
    servers?: readonly string[],
    resumesOnly?: boolean,
  ): Promise<ChangeRecords>;
  /** The number of the last committed change. */
  revision(): Promise<number>;
  /** The last committed change, and whose revisions are whose, in the order of their first revisions. */
  head(): Promise<ChangeCursor & { readonly lineages: readonly Lineage[] }>;
  /** The clock of the database, Unix milliseconds: one for all processes that share it. */
  clock(): Promise<number>;
  /** Calls back after each commit, with its revision. A hint: `changesAfter` is the truth. Answers how to stop it. */
  onCommit(listener: (revision: number) => void): () => void;
}

export interface Store
  extends UserStore,
    TokenStore,
    RealmStore,
    ServerStore,
    NodeStore,
    LimitStore,
    AccessStore,
    ProjectStore,
    MemberStore,
    ContainerStore,
    AliasStore,
    DocumentStore,
    EffectiveStateStore,
    EventStore,
    ChangeRecordStore {
  /** The same for the feed, its followers and what looks after the database: none of it waits for calls of the API. */
  readonly feed: ChangeRecordStore & NodeStore;
  /** None where the database is a file. */
  pools(): readonly PoolUse[];
  close(): Promise<void>;
}
