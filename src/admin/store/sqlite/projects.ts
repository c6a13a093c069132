// Projects.
import { and, eq } from "drizzle-orm";
import { newId } from "../id.ts";
import type { ListPage, PageQuery, ProjectColumn } from "../paging.ts";
import type {
  Committed,
  DeletedProject,
  NewProject,
  ProjectChange,
  Scope,
  StoredProject,
} from "../records.ts";
import type { ProjectStore } from "../store.ts";
import { countOf, type Database, recordChange, type Transaction } from "./database.ts";
import { cutPage, pageOf } from "./page.ts";
import { deleteProject } from "./project-deletion.ts";
import { aliasTaken, readProject } from "./project-rows.ts";
import { hasAllProjects } from "./quotas.ts";
import { scopedProject, withRealms } from "./realm-scoped.ts";
import { projectRealms, projects } from "./schema.ts";
import { projectsInScope, withRealm } from "./scope.ts";

const sorted = {
  table: projects,
  columns: {
    created_at: projects.createdAt,
    id: projects.id,
    alias: projects.alias,
    updated_at: projects.updatedAt,
  } satisfies Record<ProjectColumn, unknown>,
};

export function projectStore(db: Database): ProjectStore {
  return {
    async createProject(
      scope: Scope,
      project: NewProject,
    ): Promise<({ project: StoredProject } & Committed) | "duplicate"> {
      const now = db.timestamp();
      const made: StoredProject = {
        ...project,
        id: newId(),
        userId: scope.userId,
        realmIds: withRealm(project.realmIds, scope.realmId),
        isDefault: false,
        createdAt: now,
        updatedAt: now,
      };
      return db.write((tx) => {
        if (aliasTaken(tx, made)) return "duplicate";
        db.checkQuota((quotas) => hasAllProjects(tx, quotas, scope.userId));
        tx.insert(projects).values(made).run();
        insertRealms(tx, made);
        return { project: made, revision: recordChange(tx, { kind: "project", id: made.id }) };
      });
    },

    async project(scope: Scope, id: string): Promise<StoredProject | null> {
      return readProject(db.reader, scope, id);
    },

    async projects(
      scope: Scope,
      query: PageQuery<ProjectColumn> & { readonly alias?: string | undefined },
    ): Promise<ListPage<StoredProject>> {
      const { alias } = query;
      const isNamed = alias === undefined ? undefined : eq(projects.alias, alias);
      const where = and(isNamed, projectsInScope(db.reader, scope));
      const select = db.reader.select().from(projects).$dynamic();
      const { items, next } = cutPage(
        db.reader,
        pageOf(select, where, sorted, query).all(),
        sorted,
        query,
      );
      return {
        items: withRealms(db.reader, scopedProject, items),
        total: countOf(db.reader, projects, where),
        next,
      };
    },

    async updateProject(
      scope: Scope,
      id: string,
      change: ProjectChange,
    ): Promise<({ project: StoredProject } & Committed) | "duplicate" | null> {
      return db.write((tx) => {
        const before = readProject(tx, scope, id);
        if (before === null) return null;
        const after = changed(before, change, scope, db.timestamp());
        // Two may share an alias already (project-deletion.ts): that must not get in the way of other changes.
        if (isNamedAnew(before, after) && aliasTaken(tx, after)) return "duplicate";
        tx.update(projects).set(after).where(eq(projects.id, id)).run();
        if (change.realmIds !== undefined) {
          tx.delete(projectRealms).where(eq(projectRealms.projectId, id)).run();
          insertRealms(tx, after);
        }
        return { project: after, revision: recordChange(tx, { kind: "project", id }) };
      });
    },

    async deleteProject(
      scope: Scope,
      id: string,
    ): Promise<({ deleted: DeletedProject } & Committed) | "default" | "shared" | null> {
      return db.write((tx) => deleteProject(tx, scope, id, db.timestamp()));
    },
  };
}

function changed(
  before: StoredProject,
  { realmIds, ...fields }: ProjectChange,
  scope: Scope,
  updatedAt: string,
): StoredProject {
  return {
    ...before,
    ...fields,
    realmIds: realmIds === undefined ? before.realmIds : withRealm(realmIds, scope.realmId),
    updatedAt,
  };
}

/** Whether the project is found where it was not, by its alias or by its realms. */
function isNamedAnew(before: StoredProject, after: StoredProject): boolean {
  const sameRealms = before.realmIds.join() === after.realmIds.join();
  return before.alias !== after.alias || !sameRealms;
}

function insertRealms(
  tx: Transaction,
  { id, realmIds }: Pick<StoredProject, "id" | "realmIds">,
): void {
  if (realmIds.length === 0) return;
  const rows = realmIds.map((realmId) => ({ projectId: id, realmId }));
  tx.insert(projectRealms).values(rows).run();
}
