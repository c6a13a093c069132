// What the proxies of one server are told: all that concerns its containers, and never anything of another server's.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ChangeRecords, Scope } from "../../../src/admin/store/records.ts";
import type { Store } from "../../../src/admin/store/store.ts";
import { lineageOf } from "../../../src/policy/lineage.ts";
import { randomFrom } from "../../arbitrary/random.ts";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import {
  openPostgresPlace,
  type PostgresPlace,
  stopPostgres,
} from "../../harness/postgres-store.ts";
import { scopeOf } from "../../harness/stage.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const steps = 400;

/** A reader as a proxy is: it keeps states, and remembers every id that it was ever told. */
class Reader {
  readonly server: string;
  readonly projects = new Map<string, string>();
  readonly containers = new Map<string, string>();
  readonly told = new Set<string>();
  #at = { revision: 0, lineage: "" };

  constructor(server: string) {
    this.server = server;
  }

  async read(store: Store): Promise<void> {
    const read = await store.changesAfter(this.#at.revision === 0 ? 0 : this.#at, [this.server]);
    if (read.isAll) {
      this.projects.clear();
      this.containers.clear();
    }
    keep(this.projects, read.projects, this.told);
    keep(this.containers, read.containers, this.told);
    const { revision, lineages } = read;
    this.#at = { revision, lineage: lineageOf(lineages, revision) };
  }
}

function keep(
  held: Map<string, string>,
  records: ChangeRecords["projects"] | ChangeRecords["containers"],
  told: Set<string>,
): void {
  for (const { id, state } of records) {
    told.add(id);
    if (state === null) held.delete(id);
    else held.set(id, JSON.stringify(state));
  }
}

describe.skipIf(postgresBinaries === null)("changes for the proxies of a server", () => {
  let place: PostgresPlace;
  let store: Store;
  let ada: Scope;

  beforeAll(async () => {
    place = await openPostgresPlace(Date.now);
    store = place.store;
    ada = scopeOf(await place.addUser("ada"), 3);
  }, 60_000);

  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
    await stopPostgres();
  });

  test("are all that concerns it, in any order, and nothing else", async () => {
    const chosen = randomFrom(11);
    const random = () => chosen.below(1_000) / 1_000;
    const pick = <T>(all: readonly T[]) => all[Math.floor(random() * all.length)];
    const servers = ["east", "west"];
    const ids = new Map<string, string>();
    for (const name of servers) ids.set(name, (await store.registerServer(name)).id);
    const readers = servers.map((name) => new Reader(name));
    const projects: string[] = [];
    const containers: { id: string; project: string }[] = [];
    /** Every server that an id was ever on. */
    const homes = new Map<string, Set<string>>();
    const home = (id: string, server: string) =>
      homes.set(id, (homes.get(id) ?? new Set()).add(server));
    const versions = new Map<string, number>();
    let made = 0;

    async function step(): Promise<void> {
      const [project, container] = [pick(projects), pick(containers)];
      const kind = random();
      if (kind < 0.12 || project === undefined) {
        const fields = { alias: `p${made++}`, color: "#000", maxContainers: null, realmIds: [] };
        const answer = await store.createProject(ada, fields);
        if (typeof answer === "string") throw new Error(answer);
        projects.push(answer.project.id);
        homes.set(answer.project.id, new Set());
      } else if (kind < 0.4 || container === undefined) {
        const server = pick(servers) ?? "";
        const fields = { projectId: project, serverId: ids.get(server) ?? "", name: `c${made++}` };
        const common = { color: "#000", comment: null, address: null, realmIds: [], programs: {} };
        const answer = await store.createContainer(ada, { ...fields, ...common });
        if (typeof answer === "string") throw new Error(answer);
        const { id } = answer.container;
        containers.push({ id, project });
        home(id, server);
        home(project, server);
      } else if (kind < 0.55) {
        await store.deleteContainer(ada, container.id);
        containers.splice(containers.indexOf(container), 1);
      } else if (kind < 0.6) {
        await store.deleteProject(ada, project);
        projects.splice(projects.indexOf(project), 1);
        for (const each of containers.filter((held) => held.project === project)) {
          containers.splice(containers.indexOf(each), 1);
        }
      } else {
        const key = pick([
          { kind: "project", id: project } as const,
          { kind: "container", id: container.id } as const,
        ]);
        if (key === undefined) return;
        const expected = versions.get(key.id) ?? 0;
        const body = `{"groups":{},"permissions":{},"default":"deny","n":${made++}}`;
        const common = { projectVersion: null, enableProxy: true, body, hooks: null };
        const written = await store.putDocument(ada, key, { expected, ...common });
        if (written === null || typeof written === "string") throw new Error(`${written}`);
        versions.set(key.id, written.version);
      }
      for (const reader of readers) if (random() < 0.3) await reader.read(store);
    }

    for (let n = 0; n < steps; n++) await step();
    const all = await store.changesAfter(0);
    for (const reader of readers) {
      await reader.read(store);
      const here = all.containers.filter(({ state }) => state?.serverName === reader.server);
      expect(new Map(here.map(({ id, state }) => [id, JSON.stringify(state)]))).toEqual(
        reader.containers,
      );
      const needed = new Set(here.map(({ state }) => state?.projectId));
      const known = all.projects.filter(({ id }) => needed.has(id));
      expect(new Map(known.map(({ id, state }) => [id, JSON.stringify(state)]))).toEqual(
        reader.projects,
      );
      expect([...reader.told].filter((id) => !homes.get(id)?.has(reader.server))).toEqual([]);
      expect(reader.told.size).toBeGreaterThan(20);
    }
    const late = new Reader("east");
    await late.read(store);
    expect(late.containers).toEqual(readers[0]?.containers ?? new Map());
    expect(late.projects).toEqual(readers[0]?.projects ?? new Map());
  }, 120_000);
});
