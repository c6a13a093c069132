// Members of projects.
import { and, eq, getTableColumns, lte, type SQL, sql } from "drizzle-orm";
import type { ProjectLevel } from "../../../../proto/gen/realmgate/v1/options_pb.ts";
import { newId } from "../id.ts";
import { membersMax } from "../limits.ts";
import type { ListPage, MemberColumn, PageQuery } from "../paging.ts";
import type { Member, Scope, UserName } from "../records.ts";
import type { MemberStore } from "../store.ts";
import { countOf, type Database, type Reader, type Transaction } from "./database.ts";
import { cutPage, pageOf } from "./page.ts";
import { readProject } from "./project-rows.ts";
import { members, users } from "./schema.ts";

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
      if (readProject(db.reader, scope, projectId) === null) return null;
      const ofProject = eq(members.projectId, projectId);
      const rows = pageOf(selectMembers(db.reader).$dynamic(), ofProject, sorted, query).all();
      const page = cutPage(db.reader, rows, sorted, query);
      return { ...page, total: countOf(db.reader, members, ofProject) };
    },

    async member(scope: Scope, projectId: string, id: string): Promise<Member | null> {
      return readMember(db.reader, scope, projectId, id);
    },

    async addMember(
      scope: Scope,
      projectId: string,
      member: UserName & Pick<Member, "level">,
    ): Promise<Member | "no_user" | "exists" | "limit" | null> {
      return db.transaction((tx) => {
        const project = readProject(tx, scope, projectId);
        if (project === null) return null;
        const user = tx.select().from(users).where(isNamed(member)).get();
        if (user === undefined) return "no_user";
        const userId = user.id;
        if (userId === project.userId || isMember(tx, projectId, userId)) return "exists";
        if (countOf(tx, members, eq(members.projectId, projectId)) >= membersMax) return "limit";
        const now = db.timestamp();
        const { level } = member;
        const row = { userId, level, id: newId(), projectId, createdAt: now, updatedAt: now };
        tx.insert(members).values(row).run();
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
      return db.transaction((tx) => {
        const before = readMember(tx, scope, projectId, id);
        if (before === null || before.level > atMost) return null;
        if (scope.confinedTo !== null && level > before.level) return "confined";
        const change = { level, updatedAt: db.timestamp() };
        tx.update(members).set(change).where(eq(members.id, id)).run();
        return { ...before, ...change };
      });
    },

    async removeMember(
      scope: Scope,
      projectId: string,
      id: string,
      atMost: ProjectLevel,
    ): Promise<boolean> {
      return db.transaction((tx) => {
        if (readMember(tx, scope, projectId, id) === null) return false;
        const where = and(eq(members.id, id), lte(members.level, atMost));
        return tx.delete(members).where(where).returning({ id: members.id }).all().length > 0;
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
  const level = sql<ProjectLevel>`${members.level}`;
  return reader
    .select({ ...getTableColumns(members), level, username, alias })
    .from(members)
    .innerJoin(users, eq(users.id, members.userId));
}

/** Null: the project, or the permission in it, does not exist in this scope. */
function readMember(reader: Reader, scope: Scope, projectId: string, id: string): Member | null {
  if (readProject(reader, scope, projectId) === null) return null;
  const where = and(eq(members.projectId, projectId), eq(members.id, id));
  return selectMembers(reader).where(where).get() ?? null;
}

function isMember(tx: Transaction, projectId: string, userId: string): boolean {
  const where = and(eq(members.projectId, projectId), eq(members.userId, userId));
  return tx.select({ id: members.id }).from(members).where(where).get() !== undefined;
}
