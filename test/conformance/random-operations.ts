// Random operations on a store: one at least for each method that a Store has.
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { CallEvent, callEvent } from "../../src/admin/store/call-event.ts";
import type { ListPosition } from "../../src/admin/store/paging.ts";
import type {
  AccountTaken,
  ChangeRecords,
  ResourceKey,
  Token,
  User,
} from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import { lineageOf } from "../../src/policy/lineage.ts";
import { A, B } from "../harness/stage.ts";
import { plainToken } from "../harness/token-bench.ts";
import { until } from "../harness/until.ts";
import type { ComparedStore, Kind } from "./compared-store.ts";
import type { Choices } from "./operation-choices.ts";

/** The methods of a Store. */
export type StoreMethod = {
  [Name in keyof Store]: Store[Name] extends (...args: never[]) => unknown ? Name : never;
}[keyof Store];

/** It has made its choices, and takes of each store the ids that they stand for. */
export type Operation = (side: ComparedStore) => Promise<unknown>;

const serverNames = ["local", "Other", "é"];

interface Part {
  readonly items: readonly unknown[];
  readonly next: ListPosition | null;
}

const WALKED_MAX = 12;

/** A whole list, from position to position; null where there is none. */
async function walk(
  read: (after: ListPosition | undefined) => Promise<Part | null>,
): Promise<unknown[] | null> {
  const parts: unknown[] = [];
  let after: ListPosition | undefined;
  do {
    const part = await read(after);
    if (part === null) return null;
    parts.push(part);
    after = part.next ?? undefined;
  } while (after !== undefined && parts.length < WALKED_MAX);
  return parts;
}

/** Notes what a write made; its answer. */
async function making(side: ComparedStore, kind: Kind, answer: Promise<unknown>): Promise<unknown> {
  const made = await answer;
  if (typeof made !== "object" || made === null) return made;
  const inner: unknown = Reflect.get(made, kind) ?? made;
  const id: unknown = typeof inner === "object" && inner !== null ? Reflect.get(inner, "id") : null;
  if (typeof id === "string") side.made(kind, id);
  return made;
}

/** A new user with the project that it begins with: only what is shown, one by one, has a name. */
export async function withProject(
  side: ComparedStore,
  user: User | AccountTaken | null,
): Promise<unknown> {
  if (user === null || typeof user === "string") return user;
  side.made("user", user.id);
  const level = ProjectLevel.READ;
  const own = { userId: user.id, realmId: null, realms: [], confinedTo: null, level };
  const first = { page: 1, limit: 1, sortBy: "created_at", sortOrder: "asc" } as const;
  const { items } = await side.store.projects(own, first);
  // The colour is random.
  return [user, items.map(({ color: _, ...project }) => project)];
}

/** Lists of states are sets. */
function byId(records: ChangeRecords, side: ComparedStore) {
  const sorted = <T extends { readonly id: string }>(list: readonly T[]) =>
    list.toSorted((a, b) => side.nameOf(a.id).localeCompare(side.nameOf(b.id)));
  return { ...records, projects: sorted(records.projects), containers: sorted(records.containers) };
}

function isThere({ state }: ChangeRecords["containers"][number]): boolean {
  return state !== null;
}

/** Calls, or is called by the feed on connections of its own. */
function eitherWay(c: Choices): (side: ComparedStore) => Store["feed"] {
  const isFeed = c.random.chance(0.5);
  return ({ store }) => (isFeed ? store.feed : store);
}

const projectColumns = ["created_at", "alias", "updated_at"] as const;
const containerColumns = ["created_at", "name", "status", "updated_at"] as const;
const userColumns = ["created_at", "username", "email", "updated_at"] as const;
const logColumns = ["transition_time", "created_at", "to_status", "from_status"] as const;
const memberColumns = ["created_at", "permission_level", "updated_at"] as const;

type Maker = (c: Choices) => Operation;

/** By the method that is called; a type error names one that has none. */
export const operations: Readonly<Record<StoreMethod, Maker>> = {
  // Users.
  hasUsers: () => (side) => side.store.hasUsers(),
  createFirstUser: (c) => (side) =>
    side.store.createFirstUser({ username: c.text, passwordHash: "" }),
  createUser: (c) => {
    const email = `${c.text}@Example.test`;
    return async (side) => {
      const made = await side.store.createUser({ username: c.text, email, passwordHash: "" });
      if (!made) return made;
      const user = await side.store.userForLogin({ username: c.text });
      return withProject(side, user);
    };
  },
  userForLogin: (c) => {
    const name = c.pick([{ username: c.text }, { email: `${c.text.toUpperCase()}@example.test` }]);
    return (side) => side.store.userForLogin(name);
  },
  userById: (c) => {
    const id = c.choice();
    return (side) => side.store.userById(side.id("user", id));
  },
  createAccount: (c) => {
    const account = c.account();
    return async (side) => withProject(side, await side.store.createAccount(account));
  },
  users: (c) => {
    const page = c.page(userColumns);
    const search = c.pick([null, "", c.text, "example", "EXAMPLE", "_", "%"]);
    return (side) => walk((after) => side.store.users({ ...page, search, after }));
  },
  updateAccount: (c) => {
    const id = c.choice();
    const more = { alias: c.pick([null, c.text]), publicKey: null, metadata: "{}" };
    const fields = { ...c.account(), isBanned: c.random.chance(0.3), ...more };
    const change = c.some(fields);
    return (side) => side.store.updateAccount(side.id("user", id), change);
  },
  deleteAccount: (c) => {
    const id = c.choice();
    const withContainers = c.random.chance(0.3);
    return (side) => side.store.deleteAccount(side.id("user", id), withContainers);
  },
  updateUser: (c) => {
    const change = c.some({
      ...{ alias: c.text, publicKey: c.pick([null, "aa"]), metadata: '{"a":1}' },
      passwordHash: "y",
    });
    const generation = c.random.below(3);
    return (side) => side.store.updateUser(c.user(side), generation, change);
  },
  endSessions: (c) => (side) => side.store.endSessions(c.user(side)),
  recordLogin: (c) => {
    const ip = `192.0.2.${c.random.below(9)}`;
    return (side) => side.store.recordLogin(c.user(side), ip);
  },
  recentLogins: (c) => (side) => side.store.recentLogins(c.user(side)),

  // Tokens.
  tokenChain: (c) => {
    const at = c.random.below(8);
    return (side) => side.store.tokenChain(side.secrets.at(-1 - at) ?? Buffer.alloc(32));
  },
  chainOf: (c) => {
    const id = c.choice();
    return (side) => side.store.chainOf(c.writer(side), side.id("token", id));
  },
  createToken: (c) => {
    const { isEnabled: _, ...fields } = c.token();
    const secretHash = Buffer.from(c.random.list(32, () => c.random.below(256)));
    return (side) => {
      side.secrets.push(secretHash);
      const writer = c.writer(side);
      const made = side.store.createToken(writer, {
        ...{ ...plainToken, ...fields, secretHash, createdByTokenId: writer.madeFrom },
        delegationDepth: writer.madeFrom === null ? 0 : 1,
      });
      return making(side, "token", made);
    };
  },
  tokens: (c) => (side) =>
    walk(async (after) => {
      const { tokens: items, next } = await side.store.tokens(c.writer(side), {
        limit: c.limit,
        after,
      });
      return { items, next };
    }),
  token: (c) => {
    const id = c.choice();
    return (side) => side.store.token(c.writer(side), side.id("token", id));
  },
  updateToken: (c) => {
    const id = c.choice();
    const change = c.some(c.token());
    const refuses = c.random.chance(0.1);
    return async (side) => {
      let present: Token | null = null;
      const answer = await side.store.updateToken(c.writer(side), side.id("token", id), (token) => {
        present = token;
        if (refuses) throw new RangeError("refused");
        return change;
      });
      return [present, answer];
    };
  },
  updateOwnProfile: (c) => {
    const id = c.choice();
    const { publicKey, publicStorage } = c.token();
    const change = c.some({ publicKey, publicStorage });
    return (side) => side.store.updateOwnProfile(side.id("token", id), () => change);
  },
  deleteToken: (c) => {
    const id = c.choice();
    return (side) => side.store.deleteToken(c.writer(side), side.id("token", id));
  },
  publicProfile: (c) => (side) => side.store.publicProfile("aa", c.realms),
  touchToken: (c) => {
    const id = c.choice();
    return (side) => side.store.touchToken(side.id("token", id), "192.0.2.1");
  },
  tokenCount: (c) => (side) => side.store.tokenCount(c.user(side)),

  // Realms, servers, nodes and limits.
  realms: (c) => async (side) => {
    // In the order of their ids, which are random.
    const { items, total } = await side.store.realms(c.scope(side), c.writer(side), 1000);
    return [items.map((each) => JSON.stringify(side.plain(each))).toSorted(), total];
  },
  realmNames: (c) => {
    const ids = [c.choice(), c.choice(), c.choice()];
    return async (side) => {
      const realmIds = [A, B, ...ids.map((id) => side.id("realm", id))];
      const names = await side.store.realmNames(c.scope(side), realmIds);
      return [...names].map((each) => JSON.stringify(side.plain(each))).toSorted();
    };
  },
  createRealm: (c) => (side) => making(side, "realm", side.store.createRealm(c.user(side), c.text)),
  deleteRealm: (c) => {
    const id = c.choice();
    return (side) => side.store.deleteRealm(c.user(side), side.id("realm", id));
  },
  registerServer: (c) => {
    const name = c.pick(serverNames);
    return (side) => side.store.registerServer(name);
  },
  servers: () => (side) => side.store.servers(),
  createNode: (c) => {
    const role = c.pick(["proxy", "gateway"] as const);
    const servers = c.pick([[], ["local"], ["Other", "local"], ["é"]]);
    const node = { name: c.text, role, servers, tokenHash: Buffer.alloc(32, c.random.below(24)) };
    const feed = eitherWay(c);
    return (side) => making(side, "node", feed(side).createNode(node));
  },
  nodes: (c) => {
    const feed = eitherWay(c);
    return (side) => feed(side).nodes();
  },
  nodeByToken: (c) => {
    const hash = Buffer.alloc(32, c.random.below(24));
    const feed = eitherWay(c);
    return (side) => feed(side).nodeByToken(hash);
  },
  deleteNode: (c) => {
    const id = c.choice();
    const feed = eitherWay(c);
    return (side) => feed(side).deleteNode(side.id("node", id));
  },
  noteProcesses: (c) => {
    const processes = c.random.list(c.random.below(3), () => c.process());
    const feed = eitherWay(c);
    return (side) => feed(side).noteProcesses(processes.map((process) => process(side)));
  },
  nodeProcesses: (c) => {
    const feed = eitherWay(c);
    return async (side) => {
      const processes = await feed(side).nodeProcesses();
      return processes.map((each) => JSON.stringify(side.plain(each))).toSorted();
    };
  },
  forgetProcess: (c) => {
    const process = c.process();
    const feed = eitherWay(c);
    return (side) => feed(side).forgetProcess(process(side));
  },
  purgeProcesses: (c) => {
    const before = c.time();
    const feed = eitherWay(c);
    return (side) => feed(side).purgeProcesses(before);
  },
  countShared: (c) => {
    const key = c.pick(["a", "b", "é"]);
    const windowS = c.pick([1, 60]);
    // A store for one process leaves it to that.
    return async (side) =>
      [await side.store.countShared(key, windowS), side.counted(key, windowS, c.nowMs)].find(
        (counted) => counted !== null,
      );
  },

  // Projects and their members.
  access: (c) => {
    const kind = c.pick(["project", "container", "alias"] as const);
    const id = c.choice();
    return (side) =>
      side.store.access(c.scope(side), { kind, id: side.id(kind, id) } satisfies ResourceKey);
  },
  createProject: (c) => {
    const project = c.project();
    return (side) => making(side, "project", side.store.createProject(c.scope(side), project));
  },
  project: (c) => {
    const id = c.choice();
    return (side) => side.store.project(c.scope(side), side.id("project", id));
  },
  projects: (c) => {
    const page = c.page(projectColumns);
    const alias = c.pick([undefined, undefined, c.text]);
    if (c.random.chance(0.3)) return (side) => side.store.projects(c.scope(side), page);
    return (side) => walk((after) => side.store.projects(c.scope(side), { ...page, alias, after }));
  },
  updateProject: (c) => {
    const id = c.choice();
    const change = c.some(c.project());
    return (side) => side.store.updateProject(c.scope(side), side.id("project", id), change);
  },
  deleteProject: (c) => {
    const id = c.choice();
    return async (side) => {
      const answer = await side.store.deleteProject(c.scope(side), side.id("project", id));
      if (answer === null || typeof answer === "string") return answer;
      const containers = answer.deleted.containers.map(({ id, name }) => [side.plain(id), name]);
      return { ...answer, deleted: { ...answer.deleted, containers: containers.toSorted() } };
    };
  },
  members: (c) => {
    const id = c.choice();
    const page = c.page(memberColumns);
    return (side) =>
      walk((after) =>
        side.store.members(c.scope(side), side.id("project", id), { ...page, after }),
      );
  },
  member: (c) => {
    const [project, member] = [c.choice(), c.choice()];
    return (side) =>
      side.store.member(c.scope(side), side.id("project", project), side.id("member", member));
  },
  addMember: (c) => {
    const [project, user] = [c.choice(), c.choice()];
    const level = c.pick([ProjectLevel.READ, ProjectLevel.EDIT, ProjectLevel.DELETE]);
    const name = c.pick([null, { username: c.text }, { email: `${c.text}@EXAMPLE.test` }]);
    return (side) => {
      const member = { ...(name ?? { userId: side.id("user", user) }), level };
      const projectId = side.id("project", project);
      return making(side, "member", side.store.addMember(c.scope(side), projectId, member));
    };
  },
  updateMember: (c) => {
    const [project, member] = [c.choice(), c.choice()];
    const level = c.pick([ProjectLevel.READ, ProjectLevel.EDIT, ProjectLevel.DELETE]);
    const atMost = c.pick([ProjectLevel.EDIT, ProjectLevel.DELETE]);
    return (side) =>
      side.store.updateMember(
        ...([c.scope(side), side.id("project", project), side.id("member", member)] as const),
        ...([level, atMost] as const),
      );
  },
  removeMember: (c) => {
    const [project, member] = [c.choice(), c.choice()];
    const atMost = c.pick([ProjectLevel.EDIT, ProjectLevel.DELETE]);
    return (side) =>
      side.store.removeMember(
        ...([c.scope(side), side.id("project", project), side.id("member", member)] as const),
        atMost,
      );
  },

  // Containers and aliases.
  createContainer: (c) => {
    const [project, server] = [c.choice(), c.pick(serverNames)];
    const address = c.pick([null, "10.0.0.1"]);
    const programs = c.pick([{}, { files: { port: 80, stride: 1 } }]);
    const fields = { ...c.container(), address, programs };
    return async (side) => {
      const { id: serverId } = await side.store.registerServer(server);
      const container = { ...fields, projectId: side.id("project", project), serverId };
      const made = side.store.createContainer(c.scope(side), container);
      return making(side, "container", made);
    };
  },
  container: (c) => {
    const id = c.choice();
    return (side) => side.store.container(c.scope(side), side.id("container", id));
  },
  containers: (c) => {
    const project = c.pick([null, c.choice()]);
    const fields = { ...c.page(containerColumns), name: c.pick([undefined, undefined, c.text]) };
    const query = (side: ComparedStore) => ({
      ...fields,
      projectId: project === null ? null : side.id("project", project),
    });
    if (c.random.chance(0.3)) return (side) => side.store.containers(c.scope(side), query(side));
    return (side) =>
      walk((after) => side.store.containers(c.scope(side), { ...query(side), after }));
  },
  updateContainer: (c) => {
    const id = c.choice();
    const change = c.some(c.container());
    return (side) => side.store.updateContainer(c.scope(side), side.id("container", id), change);
  },
  deleteContainer: (c) => {
    const id = c.choice();
    return (side) => side.store.deleteContainer(c.scope(side), side.id("container", id));
  },
  moveStatus: (c) => {
    const id = c.choice();
    const move = c.pick([
      { operation: "stop", from: ["running"], to: "stopped" },
      { operation: "start", from: ["stopped", "failed"], to: "running" },
    ]);
    return (side) => side.store.moveStatus(c.scope(side), side.id("container", id), move);
  },
  statusLogs: (c) => {
    const id = c.choice();
    const page = c.page(logColumns);
    return (side) =>
      walk((after) =>
        side.store.statusLogs(c.scope(side), side.id("container", id), { ...page, after }),
      );
  },
  setUpstream: (c) => {
    const id = c.choice();
    const programs = { files: { port: 81, stride: 2, host: "é", responseTimeoutS: 5 } };
    const upstream = c.some({ address: c.pick([null, "10.0.0.2"]), programs });
    return (side) => side.store.setUpstream(side.id("container", id), c.realms, upstream);
  },
  createAlias: (c) => {
    const id = c.choice();
    const alias = c.alias();
    return (side) => {
      const named = { ...alias, containerId: side.id("container", id) };
      return making(side, "alias", side.store.createAlias(c.scope(side), named));
    };
  },
  alias: (c) => {
    const id = c.choice();
    return (side) => side.store.alias(c.scope(side), side.id("alias", id));
  },
  aliases: (c) => {
    const [project, container] = [c.pick([null, c.choice()]), c.pick([null, null, c.choice()])];
    const [enabled, expired] = [c.pick([null, true, false]), c.pick([null, true, false])];
    return (side) =>
      walk((after) =>
        side.store.aliases(c.scope(side), {
          ...{ limit: c.limit, after, enabled, expired },
          projectId: project === null ? null : side.id("project", project),
          containerId: container === null ? null : side.id("container", container),
        }),
      );
  },
  updateAlias: (c) => {
    const id = c.choice();
    const change = c.some(c.alias());
    return (side) => side.store.updateAlias(c.scope(side), side.id("alias", id), change);
  },
  deleteAlias: (c) => {
    const id = c.choice();
    return (side) => side.store.deleteAlias(c.scope(side), side.id("alias", id));
  },

  // Documents, and what becomes of them.
  document: (c) => {
    const [kind, id] = [c.pick(["project", "container"] as const), c.choice()];
    return (side) => side.store.document(c.scope(side), { kind, id: side.id(kind, id) });
  },
  putDocument: (c) => {
    const [kind, id] = [c.pick(["project", "container"] as const), c.choice()];
    const write = {
      expected: c.pick([0, 0, 1, 2]),
      projectVersion: c.pick([null, null, 0, 1]),
      enableProxy: c.random.chance(0.5),
      body: c.pick([null, "{}", `{"a":"${c.text}"}`]),
      hooks: kind === "container" ? c.pick([null, "{}"]) : null,
    };
    const isLatest = c.random.chance(0.5);
    return async (side) => {
      const key = { kind, id: side.id(kind, id) };
      const present = isLatest ? await side.store.document(c.scope(side), key) : null;
      const expected = present?.state.version ?? write.expected;
      return side.store.putDocument(c.scope(side), key, { ...write, expected });
    };
  },
  effectiveState: (c) => {
    const id = c.choice();
    return (side) => side.store.effectiveState(c.scope(side), side.id("container", id));
  },
  followers: (c) => {
    const id = c.choice();
    return (side) => side.store.followers(c.scope(side), side.id("project", id));
  },

  // Events.
  recordEvent: (c) => {
    const event = c.event(c.pick([null, "user", "token", "project", "container"]));
    return (side) => side.store.recordEvent(event(side));
  },
  events: (c) => {
    const [viewer, filter] = [c.viewer(), c.filter()];
    const page = c.page(["created_at", "event_type"]);
    return async (side) => {
      const parts = await walk((after) =>
        side.store.events(viewer(side), { ...filter(side), ...page, after }),
      );
      const newest = {
        ...page,
        page: 1,
        limit: 1,
        sortBy: "created_at",
        sortOrder: "desc",
      } as const;
      const [event] = (await side.store.events(viewer(side), { ...filter(side), ...newest })).items;
      if (event !== undefined) side.made("event", event.id);
      return parts;
    };
  },
  event: (c) => {
    const [viewer, id] = [c.viewer(), c.choice()];
    return (side) => side.store.event(viewer(side), side.id("event", id));
  },
  eventCounts: (c) => {
    const [viewer, filter] = [c.viewer(), c.filter()];
    return async (side) => {
      const { counts, ...ends } = await side.store.eventCounts(viewer(side), filter(side));
      return { counts: counts.map((each) => JSON.stringify(each)).toSorted(), ...ends };
    };
  },
  purgeEvents: (c) => {
    const before = c.time();
    return (side) => side.store.purgeEvents(before);
  },
  trimEvents: (c) => {
    const max = c.pick([5, 40]);
    return (side) => side.store.trimEvents(max);
  },

  // Changes.
  changesAfter: (c) => {
    const back = c.random.below(6);
    const servers = c.pick([undefined, [], ["local"], ["é", "Other"]]);
    const of = c.pick(["number", "lineage", "another", "beyond"]);
    const resumesOnly = c.random.chance(0.2);
    const feed = eitherWay(c);
    return async (side) => {
      const { revision: last, lineages } = await feed(side).head();
      const revision = of === "beyond" ? last + 1 : (side.heads.at(-1 - back) ?? 0);
      side.heads.push(last);
      const lineage = lineageOf(lineages, revision);
      const cursor = { revision, lineage: of === "another" ? "another" : lineage };
      const from = of === "number" ? revision : cursor;
      const records = await feed(side).changesAfter(from, servers, resumesOnly);
      if (servers === undefined) return byId(records, side);
      // One file is one machine's: projects, and what is gone, may be told to more than those who have to know.
      const containers = records.containers.filter(isThere);
      return byId({ ...records, projects: [], containers }, side);
    };
  },
  revision: (c) => {
    const feed = eitherWay(c);
    return (side) => feed(side).revision();
  },
  head: (c) => {
    const feed = eitherWay(c);
    return (side) => feed(side).head();
  },
  clock: (c) => {
    const feed = eitherWay(c);
    return async (side) => Math.abs((await feed(side).clock()) - Date.now()) < 60_000;
  },
  onCommit: (c) => {
    const project = { ...c.project(), realmIds: [] };
    const feed = eitherWay(c);
    return async (side) => {
      const told: number[] = [];
      const stop = feed(side).onCommit((revision) => told.push(revision));
      try {
        const made = await side.store.createProject(c.scope(side), project);
        const revision = typeof made === "string" ? null : made.revision;
        await until(() => revision === null || told.some((each) => each >= revision), "it is told");
        return await making(side, "project", Promise.resolve(made));
      } finally {
        stop();
      }
    };
  },
  pools: () => async (side) => Array.isArray(side.store.pools()),
  close: () => (side) => side.reopen(),
};

/** Those that take longer than all others together. */
const seldom = new Set<StoreMethod>(["close"]);
/** What nobody who calls the API does: there is no call that it could be the event of. */
const ownWork = new Set<StoreMethod>([
  ...(["noteProcesses", "forgetProcess", "purgeProcesses", "countShared", "touchToken"] as const),
  ...(["recordEvent", "purgeEvents", "trimEvents", "registerServer", "recordLogin"] as const),
]);
/** What others need: done more often. */
const often: readonly StoreMethod[] = [
  ...(["createProject", "createProject", "createContainer", "createContainer"] as const),
  ...(["createContainer", "createAlias", "createToken", "createToken", "createAccount"] as const),
  ...(["createNode", "noteProcesses", "addMember", "putDocument", "putDocument"] as const),
  ...(["recordEvent", "containers", "projects", "changesAfter"] as const),
];

export const methods = Object.keys(operations) as StoreMethod[];
const played = [...methods.filter((method) => !seldom.has(method)), ...often];

/** One of all operations, maybe as part of a call that leaves an event. */
export function operationOf(c: Choices): { readonly name: string; readonly run: Operation } {
  const isSeldom = c.random.chance(1 / 500);
  const method = isSeldom ? c.pick([...seldom]) : c.pick(played);
  const run = operations[method](c);
  if (isSeldom || ownWork.has(method) || c.random.chance(0.6)) return { name: method, run };
  const draft = c.draft();
  const refuses = c.random.chance(0.05);
  const called: Operation = async (side) => {
    const standings: unknown[] = [];
    const call = new CallEvent(draft(side), (standing) => {
      standings.push(standing);
      if (refuses) throw new RangeError("refused");
    });
    const answer = await callEvent.run(call, () => run(side));
    return [answer, call.isRecorded, standings];
  };
  return { name: `${method}, as a call`, run: called };
}
