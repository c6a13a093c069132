// Containers.
import { and, count, eq } from "drizzle-orm";
import { newId } from "../id.ts";
import type { ContainerColumn, ListPage, PageQuery } from "../paging.ts";
import type {
  Committed,
  ContainerChange,
  NewContainer,
  Scope,
  StoredContainer,
  UpstreamRecord,
} from "../records.ts";
import type { ContainerStore } from "../store.ts";
import { nameTaken, readContainer, readContainerPage, writtenContainer } from "./container-rows.ts";
import { countOf, type Database, recordChange } from "./database.ts";
import { hasAllContainers } from "./quotas.ts";
import { carriesAll, scopedContainer } from "./realm-scoped.ts";
import { containerRealms, containers, documents, projects } from "./schema.ts";
import { containerInScope, containersInScope, projectInScope, withRealm } from "./scope.ts";
import { addStatusLog, type StatusStore } from "./status-logs.ts";
import type { Transaction } from "./transaction.ts";

export function containerStore(db: Database): Omit<ContainerStore, keyof StatusStore> {
  return {
    async createContainer(
      scope: Scope,
      container: NewContainer,
    ): Promise<
      ({ container: StoredContainer } & Committed) | "no_project" | "quota" | "duplicate"
    > {
      return db.write(async (tx) => {
        const project = (
          await tx
            .select()
            .from(projects)
            .where(and(eq(projects.id, container.projectId), projectInScope(tx, scope)))
        )[0];
        if (project === undefined) return "no_project";
        const { maxContainers } = project;
        const ofProject = eq(containers.projectId, project.id);
        if (maxContainers !== null && (await countOf(tx, containers, ofProject)) >= maxContainers) {
          return "quota";
        }
        await db.checkQuota((quotas) => hasAllContainers(tx, quotas, project.userId));
        const realmIds = withRealm(container.realmIds, scope.realmId);
        if (await nameTaken(tx, container, realmIds)) return "duplicate";
        const id = await insertContainer(tx, container, realmIds, db.timestamp());
        return { container: await writtenContainer(tx, scope, id), revision: changed(tx, id) };
      });
    },

    async container(scope: Scope, id: string): Promise<StoredContainer | null> {
      return await readContainer(db.reader, scope, id);
    },

    async containers(
      scope: Scope,
      query: PageQuery<ContainerColumn> & {
        readonly projectId: string | null;
        readonly name?: string | undefined;
      },
    ): Promise<ListPage<StoredContainer>> {
      const { projectId, name } = query;
      const isNamed = name === undefined ? undefined : eq(containers.name, name);
      const where =
        projectId === null
          ? and(isNamed, containersInScope(db.reader, scope))
          : and(isNamed, eq(containers.projectId, projectId), containerInScope(db.reader, scope));
      const page = await readContainerPage(db.reader, scope, where, query);
      const total =
        (
          await db.reader
            .select({ n: count() })
            .from(containers)
            .innerJoin(projects, eq(projects.id, containers.projectId))
            .where(where)
        )[0]?.n ?? 0;
      return { ...page, total };
    },

    async updateContainer(
      scope: Scope,
      id: string,
      change: ContainerChange,
    ): Promise<({ container: StoredContainer } & Committed) | "duplicate" | null> {
      const { realmIds, ...fields } = change;
      return db.write(async (tx) => {
        const before = await readContainer(tx, scope, id);
        if (before === null) return null;
        const after = realmIds === undefined ? before.realmIds : withRealm(realmIds, scope.realmId);
        if (await nameTaken(tx, { ...before, ...fields }, after)) return "duplicate";
        await tx
          .update(containers)
          .set({ ...fields, updatedAt: db.timestamp() })
          .where(eq(containers.id, id));
        if (realmIds !== undefined) {
          await tx.delete(containerRealms).where(eq(containerRealms.containerId, id));
          await insertRealms(tx, id, after);
        }
        return { container: await writtenContainer(tx, scope, id), revision: changed(tx, id) };
      });
    },

    async deleteContainer(scope: Scope, id: string): Promise<Committed | null> {
      return db.write(async (tx) => {
        if ((await readContainer(tx, scope, id)) === null) return null;
        // Realms, aliases and logs go with the row.
        await tx.delete(containers).where(eq(containers.id, id));
        await tx
          .delete(documents)
          .where(and(eq(documents.kind, "container"), eq(documents.ownerId, id)));
        return { revision: changed(tx, id) };
      });
    },

    async setUpstream(
      id: string,
      realms: readonly string[],
      { address, programs }: Partial<UpstreamRecord>,
    ): Promise<(UpstreamRecord & Committed) | null> {
      return db.write(async (tx) => {
        const set = {
          ...(address === undefined ? {} : { address }),
          ...(programs === undefined ? {} : { programs: JSON.stringify(programs) }),
          updatedAt: db.timestamp(),
        };
        const row = (
          await tx
            .update(containers)
            .set(set)
            .where(and(eq(containers.id, id), carriesAll(tx, scopedContainer, realms)))
            .returning({ address: containers.address, programs: containers.programs })
        )[0];
        if (row === undefined) return null;
        return { ...row, programs: JSON.parse(row.programs), revision: changed(tx, id) };
      });
    },
  };
}

/** Answers its id. */
async function insertContainer(
  tx: Transaction,
  container: NewContainer,
  realmIds: readonly string[],
  now: string,
): Promise<string> {
  const id = newId();
  const programs = JSON.stringify(container.programs);
  const row = { ...container, id, status: "running", programs, createdAt: now, updatedAt: now };
  await tx.insert(containers).values(row);
  await insertRealms(tx, id, realmIds);
  await addStatusLog(tx, {
    containerId: id,
    fromStatus: null,
    toStatus: row.status,
    transitionTime: now,
    durationMs: null,
    triggeredBy: "container_creation",
    operation: null,
  });
  return id;
}

async function insertRealms(
  tx: Transaction,
  containerId: string,
  realmIds: readonly string[],
): Promise<void> {
  if (realmIds.length === 0) return;
  const rows = realmIds.map((realmId) => ({ containerId, realmId }));
  await tx.insert(containerRealms).values(rows);
}

function changed(tx: Transaction, id: string): number {
  return recordChange(tx, { kind: "container", id });
}
