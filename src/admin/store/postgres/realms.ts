// Realms: what names them is counted; see realm-names.ts for those that were made up.
import { and, countDistinct, eq, inArray, or, type SQL, sql } from "drizzle-orm";
import { type PgColumn, unionAll } from "drizzle-orm/pg-core";
import type { Page } from "../paging.ts";
import type { RealmUsage, Scope, TokenScope } from "../records.ts";
import type { RealmStore } from "../store.ts";
import type { Database } from "./database.ts";
import { realmNameStore } from "./realm-names.ts";
import {
  containerRealms,
  containers,
  projectRealms,
  projects,
  realms,
  tokenRealms,
  tokens,
} from "./schema.ts";
import { containersInScope, projectsInScope } from "./scope.ts";
import { tokenInScope } from "./tokens.ts";
import type { Reader } from "./transaction.ts";

export function realmStore(db: Database): RealmStore {
  return {
    ...realmNameStore(db),

    async realms(scope: Scope, from: TokenScope, limit: number): Promise<Page<RealmUsage>> {
      const named = namings(db.reader, scope, from);
      const rows = await db.reader
        .select({
          realmId: named.realmId,
          projects: countDistinct(named.projectId),
          containers: countDistinct(named.containerId),
          servers: countDistinct(named.serverId),
          tokens: countDistinct(named.tokenId),
          total: sql<number>`count(*) over ()`.mapWith(Number),
        })
        .from(named)
        .groupBy(named.realmId)
        .orderBy(named.realmId)
        .limit(limit);
      const items = rows.map(({ total: _, ...usage }) => usage);
      return { items, total: rows[0]?.total ?? 0 };
    },
  };
}

/**
 * A row for each realm that each thing in the scope names, as far as the caller may hear of the realm. SQLite keeps the order
 * of a cross join: the user's things are found first, so that the cost grows with them and not with everybody's.
 */
function namings(reader: Reader, scope: Scope, from: TokenScope) {
  const ofProjects = reader
    .select(naming(projectRealms.realmId, { project: projects.id }))
    .from(projects)
    .crossJoin(projectRealms)
    .where(
      and(
        projectsInScope(reader, scope),
        eq(projectRealms.projectId, projects.id),
        toldOf(scope, projectRealms.realmId),
      ),
    );
  const ofContainers = reader
    .select(
      naming(containerRealms.realmId, { container: containers.id, server: containers.serverId }),
    )
    .from(projects)
    .crossJoin(containers)
    .crossJoin(containerRealms)
    .where(
      and(
        containersInScope(reader, scope),
        eq(containers.projectId, projects.id),
        eq(containerRealms.containerId, containers.id),
        toldOf(scope, containerRealms.realmId),
      ),
    );
  const ofTokens = reader
    .select(naming(tokenRealms.realmId, { token: tokens.id }))
    .from(tokens)
    .crossJoin(tokenRealms)
    .where(
      and(
        tokenOf(reader, from),
        eq(tokenRealms.tokenId, tokens.id),
        toldOf(scope, tokenRealms.realmId),
      ),
    );
  const madeUp = reader
    .select(naming(realms.id, {}))
    .from(realms)
    .where(and(eq(realms.userId, scope.userId), toldOf(scope, realms.id)));
  return unionAll(ofProjects, ofContainers, ofTokens, madeUp).as("named");
}

type Things = Readonly<Record<"project" | "container" | "server" | "token", PgColumn>>;

/** The columns of a row: what names the realm, and null for all else. */
function naming<Realm extends PgColumn>(realmId: Realm, things: Partial<Things>) {
  const id = (thing: keyof Things) =>
    sql<string | null>`${things[thing] ?? sql`null`}`.as(`${thing}_id`);
  return {
    realmId,
    projectId: id("project"),
    containerId: id("container"),
    serverId: id("server"),
    tokenId: id("token"),
  };
}

/** The realm is the one that the call is about, and none that the caller may not use. */
function toldOf({ realms, confinedTo }: Scope, realmId: PgColumn): SQL | undefined {
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
