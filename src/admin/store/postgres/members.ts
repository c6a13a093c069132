// Members of projects.
import { and, eq, getTableColumns, lte, type SQL, sql } from "drizzle-orm";
import type { ProjectLevel } from "../../../../proto/gen/realmgate/v1/options_pb.ts";
import { newId } from "../id.ts";
import { membersMax } from "../limits.ts";
import type { ListPage, MemberColumn, PageQuery } from "../paging.ts";
import type { Member, Scope, UserName } from "../records.ts";
import type { MemberStore } from "../store.ts";
import { countOf, type Database } from "./database.ts";
import { cutPage, pageOf } from "./page.ts";
import { readProject } from "./project-rows.ts";
import { members, users } from "./schema.ts";
import type { Reader, Transaction } from "./transaction.ts";

const sorted = {
  table: members,
  columns: {
    created_at: members.createdAt,
    id: members.id,
    user_id: members.userId,
    permission_level: members.level,
    updated_at: members.updatedAt,
  } satisfies Record<MemberColumn, unknown>,
};

export function memberStore(db: Database): MemberStore {
  return {
    async members(
      scope: Scope,
      projectId: string,
      query: PageQuery<MemberColumn>,
    ): Promise<ListPage<Member> | null> {
      if ((await readProject(db.reader, scope, projectId)) === null) return null;
      const ofProject = eq(members.projectId, projectId);
      const rows = await pageOf(selectMembers(db.reader).$dynamic(), ofProject, sorted, query);
      const page = await cutPage(db.reader, rows, sorted, query);
      return { ...page, total: await countOf(db.reader, members, ofProject) };
    },

    async member(scope: Scope, projectId: string, id: string): Promise<Member | null> {
      return await readMember(db.reader, scope, projectId, id);
    },

    async addMember(
      scope: Scope,
      projectId: string,
      member: UserName & Pick<Member, "level">,
    ): Promise<Member | "no_user" | "exists" | "limit" | null> {
      return db.transaction(async (tx) => {
        const project = await readProject(tx, scope, projectId);
        if (project === null) return null;
        const user = (await tx.select().from(users).where(isNamed(member)))[0];
        if (user === undefined) return "no_user";
        const userId = user.id;
        if (userId === project.userId || (await isMember(tx, projectId, userId))) return "exists";
        if ((await countOf(tx, members, eq(members.projectId, projectId))) >= membersMax)
          return "limit";
        const now = db.timestamp();
        const { level } = member;
        const row = { userId, level, id: newId(), projectId, createdAt: now, updatedAt: now };
        await tx.insert(members).values(row);
        return { ...row, username: user.username, alias: user.alias };
      });
    },

    async updateMember(
      scope: Scope,
      projectId: string,
      id: string,
      level: ProjectLevel,
      atMost: ProjectLevel,
    ): Promise<Member | "confined" | null> {
      return db.transaction(async (tx) => {
        const before = await readMember(tx, scope, projectId, id);
        if (before === null || before.level > atMost) return null;
        if (scope.confinedTo !== null && level > before.level) return "confined";
        const change = { level, updatedAt: db.timestamp() };
        await tx.update(members).set(change).where(eq(members.id, id));
        return { ...before, ...change };
      });
    },

    async removeMember(
      scope: Scope,
      projectId: string,
      id: string,
      atMost: ProjectLevel,
    ): Promise<boolean> {
      return db.transaction(async (tx) => {
        if ((await readMember(tx, scope, projectId, id)) === null) return false;
        const where = and(eq(members.id, id), lte(members.level, atMost));
        return (await tx.delete(members).where(where).returning({ id: members.id })).length > 0;
      });
    },
  };
}

function isNamed(name: UserName): SQL {
  if ("userId" in name) return eq(users.id, name.userId);
  if ("username" in name) return eq(users.username, name.username);
  return eq(users.email, name.email.toLowerCase());
}

function selectMembers(reader: Reader) {
  const { username, alias } = users;
  const { sequence: _, ...columns } = getTableColumns(members);
  const level = sql<ProjectLevel>`${members.level}`;
  return reader
    .select({ ...columns, level, username, alias })
    .from(members)
    .innerJoin(users, eq(users.id, members.userId));
}

/** Null: the project, or the permission in it, does not exist in this scope. */
async function readMember(
  reader: Reader,
  scope: Scope,
  projectId: string,
  id: string,
): Promise<Member | null> {
  if ((await readProject(reader, scope, projectId)) === null) return null;
  const where = and(eq(members.projectId, projectId), eq(members.id, id));
  return (await selectMembers(reader).where(where))[0] ?? null;
}

async function isMember(tx: Transaction, projectId: string, userId: string): Promise<boolean> {
  const where = and(eq(members.projectId, projectId), eq(members.userId, userId));
  return (await tx.select({ id: members.id }).from(members).where(where))[0] !== undefined;
}
