// What every Store promises of lists that are read page by page: entries that come and go meanwhile change nothing for others.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import type {
  ContainerColumn,
  ListPosition,
  MemberColumn,
  PageQuery,
  ProjectColumn,
  StatusLogColumn,
} from "../../src/admin/store/paging.ts";
import type { Scope, TokenScope } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import { type Random, randomFrom } from "../arbitrary/random.ts";
import type { Open, OpenStore } from "../harness/open-store.ts";
import { scopeOf } from "../harness/stage.ts";

interface Entries {
  readonly items: readonly { readonly id: string }[];
  readonly next: ListPosition | null;
}

/** One list and how its entries come and go. */
interface List<Column extends string = string> {
  readonly columns: readonly Column[];
  read(query: PageQuery<Column>): Promise<Entries | null>;
  add(): Promise<unknown>;
  /** Null: entries only come. */
  readonly remove: ((id: string) => Promise<unknown>) | null;
}

/** The whole suite. */
export function listWalkConformance(name: string, open: Open): void {
  describe(name, () => {
    let opened: OpenStore;
    let store: Store;
    let clock: number;
    let random: Random;
    let ada: Scope;
    let projectId: string;
    let containerIds: string[];
    let drawn: number;

    // Entries of one instant, and a clock that is set back.
    const now = () => {
      clock += random.chance(0.1) ? -random.below(5) : random.below(2);
      return clock;
    };

    beforeEach(async () => {
      clock = Date.UTC(2026, 0, 1);
      random = randomFrom(1);
      drawn = 0;
      opened = await open(now);
      store = opened.store;
      await store.registerServer("local");
      ada = scopeOf(await opened.addUser("ada"));
      projectId = await addProject();
      containerIds = [await addContainer(), await addContainer(), await addContainer()];
    });

    afterEach(() => opened[Symbol.asyncDispose]());

    const label = () => `entry-${random.below(3)}-${drawn++}`;

    async function addProject(): Promise<string> {
      const common = { color: "#000", maxContainers: null, realmIds: [] };
      const made = await store.createProject(ada, { ...common, alias: label() });
      if (made === "duplicate") throw new Error(made);
      return made.project.id;
    }

    async function addContainer(): Promise<string> {
      const common = { color: "#000", comment: null, address: null, realmIds: [], programs: {} };
      const serverId = (await store.servers())[0]?.id ?? "";
      const place = { projectId, serverId, name: label() };
      const made = await store.createContainer(ada, { ...common, ...place });
      if (typeof made === "string") throw new Error(made);
      return made.container.id;
    }

    const tokensOf = (): TokenScope => ({ userId: ada.userId, realms: [], madeFrom: null });

    const lists: Readonly<Record<string, () => List>> = {
      projects: (): List<ProjectColumn> => ({
        columns: ["created_at", "updated_at", "alias", "id"],
        read: (query) => store.projects(ada, query),
        add: addProject,
        remove: (id) => store.deleteProject(ada, id),
      }),
      containers: (): List<ContainerColumn> => ({
        columns: ["created_at", "updated_at", "name", "status", "id"],
        read: (query) => store.containers(ada, { ...query, projectId: null }),
        add: addContainer,
        remove: (id) => store.deleteContainer(ada, id),
      }),
      "containers of a project": (): List<ContainerColumn> => ({
        columns: ["created_at", "name"],
        read: (query) => store.containers(ada, { ...query, projectId }),
        add: addContainer,
        remove: (id) => store.deleteContainer(ada, id),
      }),
      members: (): List<MemberColumn> => ({
        columns: ["created_at", "updated_at", "permission_level", "user_id", "id"],
        read: (query) => store.members(ada, projectId, query),
        add: async () => {
          const userId = await opened.addUser(label());
          const level = random.pick([ProjectLevel.READ, ProjectLevel.EDIT]);
          return store.addMember(ada, projectId, { userId, level });
        },
        remove: (id) => store.removeMember(ada, projectId, id, ProjectLevel.DELETE),
      }),
      "status logs": (): List<StatusLogColumn> => ({
        columns: ["transition_time", "created_at", "to_status", "from_status"],
        read: (query) => store.statusLogs(ada, containerIds[0] ?? "", query),
        add: () => {
          const to = random.pick(["running", "stopped", "paused"]);
          const from = ["running", "stopped", "paused"];
          return store.moveStatus(ada, containerIds[0] ?? "", { operation: "test", from, to });
        },
        remove: null,
      }),
      aliases: (): List => ({
        columns: ["created_at"],
        read: ({ limit, after }) =>
          store.aliases(ada, {
            ...{ projectId, containerId: null, enabled: null, expired: null },
            ...{ limit, after },
          }),
        add: async () => {
          const target = { program: "http", instance: 3000, targetPath: null, expiresAt: null };
          const containerId = random.pick(containerIds);
          const fields = { containerId, alias: label(), allowPathOverride: true, enabled: true };
          const made = await store.createAlias(ada, { ...target, ...fields });
          if (made === null || made === "server" || made === "account") throw new Error(`${made}`);
        },
        remove: (id) => store.deleteAlias(ada, id),
      }),
      tokens: (): List => ({
        columns: ["created_at"],
        read: async ({ limit, after }) => {
          const { tokens, next } = await store.tokens(tokensOf(), { limit, after });
          return { items: tokens, next };
        },
        add: () => addToken(),
        remove: (id) => store.deleteToken(tokensOf(), id),
      }),
    };

    async function addToken(): Promise<void> {
      const made = await store.createToken(
        { ...tokensOf(), confinedTo: null },
        {
          ...{ alias: label(), secretHash: Buffer.from(label()) },
          ...{ publicKey: null, publicStorage: null, ipWhitelist: [], permissions: "{}" },
          ...{ realmIds: [], allowNoRealm: true, vaultAccess: true, eventAccess: true },
          ...{ expiresAt: null, createdByTokenId: null, delegationDepth: 0 },
        },
      );
      if (typeof made === "string") throw new Error(made);
    }

    const query = (fields: Partial<PageQuery<string>>): PageQuery<string> => ({
      ...{ page: 1, limit: 100, sortBy: "created_at", sortOrder: "asc" },
      ...fields,
    });

    async function idsOf(list: List, fields: Partial<PageQuery<string>> = {}): Promise<string[]> {
      return ((await list.read(query(fields)))?.items ?? []).map(({ id }) => id);
    }

    /** Some entries come and some go, the last one that was seen among them. */
    async function befall(list: List, seen: readonly string[], gone: Set<string>): Promise<void> {
      for (let n = random.below(3); n > 0; n--) await list.add();
      const { remove } = list;
      if (remove === null) return;
      const present = (await idsOf(list)).filter((id) => !containerIds.includes(id));
      const last = seen.at(-1);
      const going = [
        random.chance(0.5) ? last : undefined,
        random.pick(present),
        random.pick(present),
      ];
      for (const id of going.slice(0, random.below(4))) {
        if (id === undefined || containerIds.includes(id) || id === projectId) continue;
        await remove(id);
        gone.add(id);
      }
    }

    describe.each(Object.keys(lists))("%s", (kind) => {
      const make = lists[kind] ?? (() => never());

      test("that are there throughout are seen once each, in order, whatever comes and goes", async () => {
        const list = make();
        for (let n = 0; n < 8; n++) await list.add();
        const orders = list.columns.flatMap((sortBy) =>
          (["asc", "desc"] as const).map((sortOrder) => ({ sortBy, sortOrder })),
        );
        for (const [seed, order] of orders.entries()) {
          random = randomFrom(seed);
          const before = await idsOf(list);
          const gone = new Set<string>();
          const seen: string[] = [];
          let after: ListPosition | undefined;
          do {
            const limit = random.between(1, 5);
            const page = await list.read(query({ ...order, limit, after }));
            expect(page?.items.length).toBeLessThanOrEqual(limit);
            seen.push(...(page?.items ?? []).map(({ id }) => id));
            after = page?.next ?? undefined;
            await befall(list, seen, gone);
          } while (after !== undefined && seen.length < 1000);
          const how = JSON.stringify(order);
          const throughout = (await idsOf(list, order)).filter((id) => before.includes(id));
          expect([how, ...seen.filter((id) => throughout.includes(id))]).toEqual([
            how,
            ...throughout,
          ]);
          expect(new Set(seen).size).toBe(seen.length);
        }
      });

      test("are followed by a position only where more follow", async () => {
        const list = make();
        for (let n = 0; n < 4; n++) await list.add();
        const all = await idsOf(list);
        const exactly = await list.read(query({ limit: all.length }));
        const fewer = await list.read(query({ limit: all.length - 1 }));
        expect([exactly?.next, fewer?.next === null]).toEqual([null, false]);
        const rest = await list.read(query({ limit: all.length, after: fewer?.next ?? undefined }));
        expect([rest?.items.length, rest?.next]).toEqual([1, null]);
      });
    });
  });
}

function never(): never {
  throw new Error("no such list");
}
