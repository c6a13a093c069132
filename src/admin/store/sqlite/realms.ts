// Realms: nothing makes one; what names them is counted.
import { and, countDistinct, eq, inArray, or, type SQL, sql } from "drizzle-orm";
import { type SQLiteColumn, unionAll } from "drizzle-orm/sqlite-core";
import type { Page, RealmUsage, Scope, TokenScope } from "../records.ts";
import {
  containerRealms,
  containers,
  projectRealms,
  projects,
  tokenRealms,
  tokens,
} from "../schema.ts";
import type { RealmStore } from "../store.ts";
import type { Database, Reader } from "./database.ts";
import { containerInScope, projectInScope } from "./scope.ts";
import { tokenInScope } from "./tokens.ts";

export function realmStore(db: Database): RealmStore {
  return {
    async realms(scope: Scope, from: TokenScope, limit: number): Promise<Page<RealmUsage>> {
      const named = namings(db.reader, scope, from);
      const rows = db.reader
        .select({
          realmId: named.realmId,
          projects: countDistinct(named.projectId),
          containers: countDistinct(named.containerId),
          servers: countDistinct(named.serverId),
          tokens: countDistinct(named.tokenId),
          total: sql<number>`count(*) over ()`,
        })
        .from(named)
        .groupBy(named.realmId)
        .orderBy(named.realmId)
        .limit(limit)
        .all();
      const items = rows.map(({ total: _, ...usage }) => usage);
      return { items, total: rows[0]?.total ?? 0 };
    },
  };
}

/** A row for each realm that each thing in the scope names, as far as the caller may hear of the realm. */
function namings(reader: Reader, scope: Scope, from: TokenScope) {
  const nothing = sql<string | null>`null`;
  const ofProjects = reader
    .select({
      realmId: projectRealms.realmId,
      projectId: sql<string | null>`${projects.id}`.as("project_id"),
      containerId: nothing.as("container_id"),
      serverId: nothing.as("server_id"),
      tokenId: nothing.as("token_id"),
    })
    .from(projectRealms)
    .innerJoin(projects, eq(projects.id, projectRealms.projectId))
    .where(and(projectInScope(reader, scope), toldOf(scope, projectRealms.realmId)));
  const ofContainers = reader
    .select({
      realmId: containerRealms.realmId,
      projectId: nothing.as("project_id"),
      containerId: sql<string | null>`${containers.id}`.as("container_id"),
      serverId: sql<string | null>`${containers.serverId}`.as("server_id"),
      tokenId: nothing.as("token_id"),
    })
    .from(containerRealms)
    .innerJoin(containers, eq(containers.id, containerRealms.containerId))
    .innerJoin(projects, eq(projects.id, containers.projectId))
    .where(and(containerInScope(reader, scope), toldOf(scope, containerRealms.realmId)));
  const ofTokens = reader
    .select({
      realmId: tokenRealms.realmId,
      projectId: nothing.as("project_id"),
      containerId: nothing.as("container_id"),
      serverId: nothing.as("server_id"),
      tokenId: sql<string | null>`${tokens.id}`.as("token_id"),
    })
    .from(tokenRealms)
    .innerJoin(tokens, eq(tokens.id, tokenRealms.tokenId))
    .where(and(tokenOf(reader, from), toldOf(scope, tokenRealms.realmId)));
  return unionAll(ofProjects, ofContainers, ofTokens).as("named");
}

/** The realm is the one that the call is about, and none that the caller may not use. */
function toldOf({ realms, confinedTo }: Scope, realmId: SQLiteColumn): SQL | undefined {
  return and(
    ...realms.map((each) => eq(realmId, each)),
    confinedTo === null ? undefined : inArray(realmId, [...confinedTo]),
  );
}

/** Those that the caller may touch, and itself. */
function tokenOf(reader: Reader, from: TokenScope): SQL | undefined {
  const touched = tokenInScope(reader, from);
  return from.madeFrom === null ? touched : or(touched, eq(tokens.id, from.madeFrom));
}
