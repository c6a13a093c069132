// Random operations on both stores: every answer is the same. REALMGATE_TEST_STEPS says how many, for runs by hand.
import { afterAll, describe, expect, test } from "bun:test";
import { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import type { ListPosition } from "../../../src/admin/store/paging.ts";
import type { Scope, TokenWriter } from "../../../src/admin/store/records.ts";
import type { Store } from "../../../src/admin/store/store.ts";
import { type Random, randomFrom } from "../../arbitrary/random.ts";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import { openPostgresPlace, stopPostgres } from "../../harness/postgres-store.ts";
import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { A, B, nowhere } from "../../harness/stage.ts";
import { plainToken } from "../../harness/token-bench.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const steps = Number(process.env.REALMGATE_TEST_STEPS ?? 300);
const seed = Number(process.env.REALMGATE_TEST_SEED ?? 1);

/** Ids differ from store to store; each is named by when it was first seen. */
class Names {
  readonly #names = new Map<string, string>();
  readonly ids: string[] = [];

  of(id: string): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const name = `#${this.#names.size}`;
    this.#names.set(id, name);
    this.ids.push(id);
    return name;
  }

  /** An answer with names for ids. Lineages are random; sequences are places in a list, and whatever else they are is the store's own. */
  plain(answer: unknown): unknown {
    const text =
      JSON.stringify(answer, (key, value) =>
        key === "sequence" ||
        key === "lineage" ||
        key === "lineages" ||
        (key === "color" && value.length > 4)
          ? ""
          : value,
      ) ?? "none";
    const named = text.replace(/\b[0-9a-f]{24}\b/g, (id) => (keep.has(id) ? id : this.of(id)));
    return JSON.parse(named === "none" ? "null" : named);
  }
}

const keep = new Set([A, B, nowhere]);

/** One store with what it has shown so far. */
interface Side {
  readonly store: Store;
  readonly names: Names;
  readonly users: readonly string[];
}

/** An operation that both stores do: it has the same choices and, of each store, the ids that they stand for. */
type Step = (side: Side) => Promise<unknown>;

const texts = ["", "a", "A", "b", "é", "z", "Ω", "😀", "a b", "_", "Zz", "ab", "~"];
const sortOrders = ["asc", "desc"] as const;

function stepOf(random: Random): Step {
  const user = random.below(2);
  const realms = random.pick([[], [], [A], [B], [A, B], [A]] as const);
  const realmId = realms[0] ?? null;
  const confinedTo = random.pick([null, null, [A], [A, B]] as const);
  const level = random.pick([ProjectLevel.READ, ProjectLevel.EDIT, ProjectLevel.DELETE]);
  const scopeOf = ({ users }: Side): Scope => ({
    userId: users[user] ?? "",
    realmId,
    realms,
    confinedTo,
    level,
  });
  const writerOf = ({ users }: Side): TokenWriter => ({
    userId: users[user] ?? "",
    realms,
    confinedTo,
    madeFrom: null,
  });
  const place = random.below(1 << 30);
  const again = random.below(1 << 30);
  const idAt = ({ names }: Side, at: number) => names.ids[at % names.ids.length] ?? nowhere;
  const id = (side: Side) => idAt(side, place);
  const text = random.pick(texts);
  const realmIds = random.pick([[], [A], [B], [A, B]] as const);
  const version = random.below(3);
  const body = random.pick([null, "{}", `{"a":"${text}"}`]);
  const limit = random.pick([1, 3, 10, 50]);
  const page = { page: random.between(1, 3), limit, sortOrder: random.pick(sortOrders) };
  const expiresAt = random.pick([null, "2025-01-01T00:00:00.000Z", "2030-01-01T00:00:00.000Z"]);
  const kind = random.pick(["project", "container"] as const);
  const colour = random.pick(["#000", "#fff"]);
  const maxContainers = random.pick([null, 1, 3]);

  const alias = {
    alias: text,
    program: "files",
    instance: 1,
    targetPath: random.pick([null, "/x?y"]),
    allowPathOverride: random.chance(0.5),
    expiresAt,
    enabled: random.chance(0.8),
  };
  const project = { alias: text, color: colour, maxContainers, realmIds };
  const container = { name: text, color: colour, realmIds, comment: random.pick([null, text]) };

  return random.pick<Step>([
    (side) => side.store.createProject(scopeOf(side), project),
    (side) => side.store.createProject(scopeOf(side), project),
    (side) => side.store.updateProject(scopeOf(side), id(side), someOf(project, again)),
    (side) => side.store.deleteProject(scopeOf(side), id(side)),
    (side) => side.store.project(scopeOf(side), id(side)),
    (side) =>
      walk((after) =>
        side.store.projects(scopeOf(side), {
          ...page,
          after,
          sortBy: pick(["created_at", "alias", "updated_at"], again),
        }),
      ),
    (side) =>
      side.store.projects(scopeOf(side), {
        ...page,
        sortBy: pick(["created_at", "alias", "updated_at"], again),
      }),
    async (side) =>
      side.store.createContainer(scopeOf(side), {
        ...container,
        projectId: id(side),
        serverId: (await side.store.registerServer("local")).id,
        address: null,
        programs: { files: { port: 80, stride: 1 } },
      }),
    async (side) =>
      side.store.createContainer(scopeOf(side), {
        ...container,
        projectId: id(side),
        serverId: (await side.store.registerServer(pick(["local", "Other"], again))).id,
        address: "10.0.0.1",
        programs: {},
      }),
    (side) => side.store.updateContainer(scopeOf(side), id(side), someOf(container, again)),
    (side) => side.store.deleteContainer(scopeOf(side), id(side)),
    (side) => side.store.container(scopeOf(side), id(side)),
    (side) =>
      walk((after) =>
        side.store.containers(scopeOf(side), {
          ...page,
          after,
          projectId: null,
          sortBy: pick(["created_at", "name", "status", "updated_at"], again),
        }),
      ),
    (side) =>
      side.store.containers(scopeOf(side), {
        ...page,
        projectId: id(side),
        sortBy: pick(["created_at", "name", "status"], again),
      }),
    (side) =>
      side.store.moveStatus(scopeOf(side), id(side), {
        operation: "stop",
        from: ["running"],
        to: "stopped",
      }),
    (side) =>
      side.store.moveStatus(scopeOf(side), id(side), {
        operation: "start",
        from: ["stopped"],
        to: "running",
      }),
    (side) =>
      walkOrNull((after) =>
        side.store.statusLogs(scopeOf(side), id(side), {
          ...page,
          after,
          sortBy: pick(["transition_time", "to_status", "from_status"], again),
        }),
      ),
    (side) => side.store.setUpstream(id(side), realms, { address: "10.0.0.2" }),
    (side) =>
      side.store.addMember(scopeOf(side), id(side), { userId: side.users[again % 3] ?? "", level }),
    (side) =>
      side.store.updateMember(
        scopeOf(side),
        id(side),
        idAt(side, again),
        level,
        ProjectLevel.DELETE,
      ),
    (side) => side.store.removeMember(scopeOf(side), id(side), idAt(side, again), level),
    (side) =>
      walkOrNull((after) =>
        side.store.members(scopeOf(side), id(side), {
          ...page,
          after,
          sortBy: pick(["created_at", "permission_level"], again),
        }),
      ),
    (side) => side.store.createAlias(scopeOf(side), { ...alias, containerId: id(side) }),
    (side) => side.store.updateAlias(scopeOf(side), id(side), someOf(alias, again)),
    (side) => side.store.deleteAlias(scopeOf(side), id(side)),
    (side) => side.store.alias(scopeOf(side), id(side)),
    (side) =>
      walk((after) =>
        side.store.aliases(scopeOf(side), {
          limit,
          after,
          projectId: null,
          containerId: null,
          enabled: pick([null, true, false], again),
          expired: pick([null, true, false], again >> 2),
        }),
      ),
    (side) =>
      side.store.putDocument(
        scopeOf(side),
        { kind, id: id(side) },
        {
          expected: version,
          projectVersion: pick([null, 0, 1], again),
          enableProxy: again % 2 === 0,
          body,
          hooks: kind === "container" ? pick([null, "{}"], again >> 3) : null,
        },
      ),
    (side) => side.store.document(scopeOf(side), { kind, id: id(side) }),
    (side) => side.store.effectiveState(scopeOf(side), id(side)),
    (side) => side.store.followers(scopeOf(side), id(side)),
    (side) =>
      side.store.access(scopeOf(side), {
        kind: pick(["project", "container", "alias"], again),
        id: id(side),
      }),
    (side) => side.store.realms(scopeOf(side), writerOf(side), limit),
    (side) =>
      side.store.createToken(writerOf(side), {
        ...plainToken,
        alias: text,
        realmIds,
        expiresAt,
        publicKey: pick([null, "aa"], again),
        secretHash: Buffer.from(`${place}`),
      }),
    (side) =>
      side.store.updateToken(writerOf(side), id(side), () => ({
        alias: text,
        realmIds,
        publicKey: pick([null, "aa"], again),
      })),
    (side) => side.store.deleteToken(writerOf(side), id(side)),
    (side) => side.store.tokens(writerOf(side), { limit }),
    (side) => side.store.chainOf(writerOf(side), id(side)),
    (side) => side.store.touchToken(id(side), "192.0.2.1"),
    (side) => side.store.publicProfile("aa", realms),
    (side) => side.store.tokenCount(side.users[user] ?? ""),
    (side) => side.store.recordLogin(side.users[user] ?? "", `192.0.2.${again % 9}`),
    (side) => side.store.recentLogins(side.users[user] ?? ""),
    async (side) => {
      const email = `${text}@Example.test`;
      const made = await side.store.createUser({ username: text, email, passwordHash: "" });
      // Shows the ids that were made, one by one: only those that are shown have names.
      const userId = (await side.store.userForLogin({ username: text }))?.id ?? "";
      const own = { ...scopeOf(side), userId, realmId: null, realms: [], confinedTo: null };
      const first = { page: 1, limit: 1, sortBy: "created_at", sortOrder: "asc" } as const;
      // The colour is random.
      const { items } = await side.store.projects(own, first);
      return [made, items.map(({ color: _, ...project }) => project)];
    },
    (side) => side.store.userForLogin({ email: `${text.toUpperCase()}@example.test` }),
    (side) => side.store.updateUser(side.users[user] ?? "", version, { alias: text }),
    (side) => side.store.servers(),
    async (side) => byId(await side.store.changesAfter(again % 40), side),
  ]);
}

function pick<T>(choices: readonly T[], at: number): T {
  return choices[at % choices.length] as T;
}

/** One or two of the fields. */
function someOf<T extends object>(fields: T, at: number): Partial<T> {
  const entries = Object.entries(fields);
  return Object.fromEntries(
    [at, at >> 4].map((each) => entries[each % entries.length] ?? []),
  ) as Partial<T>;
}

/** Lists of states are sets. */
function byId(records: Awaited<ReturnType<Store["changesAfter"]>>, { names }: Side) {
  const sorted = <T extends { readonly id: string }>(list: readonly T[]) =>
    list.toSorted((a, b) => names.of(a.id).localeCompare(names.of(b.id)));
  return { ...records, projects: sorted(records.projects), containers: sorted(records.containers) };
}

interface Part {
  readonly items: readonly unknown[];
  readonly next: ListPosition | null;
}

/** A whole list, from position to position. */
async function walk(read: (after: ListPosition | undefined) => Promise<Part>): Promise<unknown[]> {
  const parts: unknown[] = [];
  let after: ListPosition | undefined;
  do {
    const part = await read(after);
    parts.push(part);
    after = part.next ?? undefined;
  } while (after !== undefined && parts.length < 12);
  return parts;
}

async function walkOrNull(
  read: (after: ListPosition | undefined) => Promise<Part | null>,
): Promise<unknown> {
  if ((await read(undefined)) === null) return null;
  return walk(async (after) => (await read(after)) ?? { items: [], next: null });
}

async function sideOf(open: typeof openSqlitePlace | typeof openPostgresPlace) {
  let now = Date.UTC(2026, 0, 1);
  const place = await open(() => now++);
  const names = new Names();
  const users = [
    await place.addUser("ada"),
    await place.addUser("bob"),
    await place.addUser("eve"),
  ];
  for (const user of users) names.of(user);
  return { place, side: { store: place.store, names, users } };
}

describe.skipIf(postgresBinaries === null)("SQLite and PostgreSQL", () => {
  afterAll(stopPostgres);

  test(
    `give the same answers to ${steps} random operations`,
    async () => {
      const sqlite = await sideOf(openSqlitePlace);
      const postgres = await sideOf(openPostgresPlace);
      await using _sqlite = sqlite.place;
      await using _postgres = postgres.place;
      const random = randomFrom(seed);
      let made = 0;
      for (let n = 0; n < steps; n++) {
        const step = stepOf(random);
        const answers = [];
        for (const { side } of [sqlite, postgres]) {
          const answer = await step(side).catch((error: Error) => ({
            rejects: error.constructor.name,
          }));
          answers.push(side.names.plain(answer ?? null));
        }
        expect([n, String(step), answers[1]]).toEqual([n, String(step), answers[0]]);
        if (typeof answers[0] === "object" && answers[0] !== null) made++;
      }
      expect(made).toBeGreaterThan(steps / 4);
    },
    60_000 + steps * 200,
  );
});
