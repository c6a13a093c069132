// The Store contract, in the domain's words. Reads and writes of tenants' data take a Scope; there is no way around it.
// Every write is one transaction: it changes the data, records the change, and is durable when its promise resolves.

/** Whose data a call may touch. It goes into the query; nothing is filtered afterwards. */
export interface Scope {
  readonly userId: string;
  /** Only what carries this realm exists; null: the unscoped host, where everything of the user's exists. */
  readonly realmId: string | null;
}

export interface User {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
  readonly passwordHash: string;
  readonly isAdmin: boolean;
  readonly sessionGeneration: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface Server {
  readonly id: string;
  readonly name: string;
}

export interface Project {
  readonly id: string;
  readonly userId: string;
  readonly alias: string;
  readonly color: string;
  readonly maxContainers: number | null;
  readonly realmIds: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type NewProject = Pick<Project, "alias" | "color" | "maxContainers" | "realmIds">;

/** Where a program listens: instance n at port + (n - 1) * stride. */
export interface ProgramPort {
  readonly port: number;
  readonly stride: number;
}

export interface Container {
  readonly id: string;
  readonly projectId: string;
  readonly projectAlias: string;
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
  readonly hasProjectDocument: boolean;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export type NewContainer = Pick<
  Container,
  "projectId" | "serverId" | "name" | "color" | "realmIds" | "comment" | "address" | "programs"
>;

export interface PageQuery<Column extends string> {
  /** From 1. */
  readonly page: number;
  /** Entries a page. */
  readonly limit: number;
  readonly sortBy: Column;
  readonly sortOrder: "asc" | "desc";
  /** Only entries that carry this realm, beside what the scope asks. */
  readonly realmId: string | null;
}

export type ProjectColumn = "created_at" | "id" | "alias" | "updated_at";
export type ContainerColumn = "created_at" | "id" | "name" | "status" | "updated_at";

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Entries in the whole list. */
  readonly total: number;
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
  /** The document as JSON text; null while none is stored. */
  readonly body: string | null;
}

/** A document with what a write of it depends on. */
export interface DocumentView {
  readonly projectId: string;
  readonly state: DocumentState;
  /** Of a container's project; of a project's document: itself. */
  readonly projectState: DocumentState;
}

export interface DocumentWrite {
  /** The version that the writer saw. */
  readonly expected: number;
  /** The version of the project's document that the new state was made from; null when it does not matter. */
  readonly projectVersion: number | null;
  readonly enableProxy: boolean;
  readonly body: string | null;
}

export type DocumentWritten =
  | { readonly kind: "written"; readonly version: number; readonly revision: number }
  /** Somebody else wrote first: the caller has to read again. */
  | { readonly kind: "stale" }
  /** The project's document moved on: the new state has to be made again. */
  | { readonly kind: "moved" };

/** What the proxy needs to know of a project; null: it is gone. */
export interface ProjectFact {
  readonly id: string;
  readonly state: { readonly enableProxy: boolean; readonly body: string | null } | null;
}

/** What the proxy needs to know of a container; null: it is gone. */
export interface ContainerFact {
  readonly id: string;
  readonly state:
    | (Pick<Container, "projectId" | "serverName" | "status" | "address" | "programs"> & {
        readonly enableProxy: boolean;
        readonly body: string | null;
      })
    | null;
}

/** The present state of all that changed after a revision. */
export interface Facts {
  readonly revision: number;
  readonly projects: readonly ProjectFact[];
  readonly containers: readonly ContainerFact[];
}

export interface UserStore {
  hasUsers(): Promise<boolean>;
  /** The first user, unless there is any user already. Answers whether it was made. */
  createFirstUser(user: { username: string; passwordHash: string }): Promise<boolean>;
  /** By user name (case-sensitive) or e-mail address (lower-cased here). */
  userForLogin(name: { username: string } | { email: string }): Promise<User | null>;
  userById(id: string): Promise<User | null>;
}

export interface ServerStore {
  /** This node's row, made at its first start. */
  registerServer(name: string): Promise<Server>;
  servers(): Promise<readonly Server[]>;
}

export interface ProjectStore {
  /** `duplicate`: the owner has the alias already where both would be visible. */
  createProject(
    scope: Scope,
    project: NewProject,
  ): Promise<{ project: Project; revision: number } | "duplicate">;
  /** Null: it does not exist in this scope. */
  project(scope: Scope, id: string): Promise<Project | null>;
  projects(scope: Scope, query: PageQuery<ProjectColumn>): Promise<Page<Project>>;
}

export interface ContainerStore {
  /** `no_project`: not in this scope. `quota`: the project is full. `duplicate`: the project has the name already. */
  createContainer(
    scope: Scope,
    container: NewContainer,
  ): Promise<{ container: Container; revision: number } | "no_project" | "quota" | "duplicate">;
  /** Null: it does not exist in this scope. */
  container(scope: Scope, id: string): Promise<Container | null>;
  /** Of one project, or of all that are in the scope. */
  containers(
    scope: Scope,
    query: PageQuery<ContainerColumn> & { readonly projectId: string | null },
  ): Promise<Page<Container>>;
}

export interface DocumentStore {
  /** Null: the project or container does not exist in this scope. */
  document(scope: Scope, key: DocumentKey): Promise<DocumentView | null>;
  /** Compare and swap. Null: the project or container does not exist in this scope (any more). */
  putDocument(
    scope: Scope,
    key: DocumentKey,
    write: DocumentWrite,
  ): Promise<DocumentWritten | null>;
}

export interface FactStore {
  /** For proxies, never for callers: everything after a revision (0: everything), all tenants. */
  factsAfter(revision: number): Promise<Facts>;
  /** Calls back after each commit, with its revision. A hint: `factsAfter` is the truth. Answers how to stop it. */
  onCommit(listener: (revision: number) => void): () => void;
}

export interface Store
  extends UserStore,
    ServerStore,
    ProjectStore,
    ContainerStore,
    DocumentStore,
    FactStore {
  close(): Promise<void>;
}
