// `iterate…` of the client against a whole control plane, while entries of the list come and go.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { RealmgateClient } from "../../src/client/realmgate-client.ts";
import { Tenants } from "../harness/tenants.ts";

const entries = 23;
const limit = 5;

let tenants: Tenants;
let client: RealmgateClient;
let project: string;
let containers: string[];

beforeAll(async () => {
  tenants = await Tenants.open();
  const token = tenants.ada.replace("Bearer ", "");
  client = new RealmgateClient({ baseUrl: tenants.plane.restUrl, credential: token });
  project = (await client.api.projects.create({ alias: "of-all" })).data.id;
  containers = await Promise.all(
    [0, 1, 2].map(
      async (n) => (await client.api.containers.create(project, { name: `of-all-${n}` })).data.id,
    ),
  );
});
afterAll(() => tenants[Symbol.asyncDispose]());

interface List {
  readonly iterate: (query: { limit: number }) => AsyncIterable<{ readonly id: string }>;
  /** Adds an entry; its id. */
  readonly add: (n: number) => Promise<string>;
  readonly remove: (id: string) => Promise<unknown>;
}

const lists: Readonly<Record<string, List>> = {
  projects: {
    iterate: (query) => client.api.projects.iterate(query),
    add: async (n) => (await client.api.projects.create({ alias: `p-${n}` })).data.id,
    remove: (id) => client.api.projects.delete(id),
  },
  containers: {
    iterate: (query) => client.api.containers.iterate(query),
    add: async (n) => (await client.api.containers.create(project, { name: `c-${n}` })).data.id,
    remove: (id) => client.api.containers.delete(id),
  },
  "containers of a project": {
    iterate: (query) => client.api.containers.iterateByProject(project, query),
    add: async (n) => (await client.api.containers.create(project, { name: `d-${n}` })).data.id,
    remove: (id) => client.api.containers.delete(id),
  },
  members: {
    iterate: (query) => client.api.members.iterate(project, query),
    add: async (n) => {
      const username = `member-${n}`;
      const email = `${username}@example.com`;
      await tenants.plane.store.createUser({ username, email, passwordHash: "" });
      const body = { user_id: await tenants.idOf(username), permission_level: "read" } as const;
      return (await client.api.members.create(project, body)).data.id;
    },
    remove: (id) => client.api.members.delete(project, id),
  },
  aliases: {
    iterate: (query) => client.api.proxyAliases.iterate(query),
    add: async (n) => {
      const body = { container_id: containers[n % 3] ?? "", program: "http", alias: `alias-${n}` };
      return (await client.api.proxyAliases.create(body)).data.id;
    },
    remove: (id) => client.api.proxyAliases.delete(id),
  },
  tokens: {
    iterate: (query) => client.api.authTokens.iterate(query),
    add: async (n) =>
      (await client.api.authTokens.create({ alias: `t-${n}`, permissions: {} })).data.id,
    remove: (id) => client.api.authTokens.delete(id),
  },
};

describe.each(Object.entries(lists))("%s", (_, { iterate, add, remove }) => {
  test("are seen once each while those that were seen are deleted", async () => {
    const made = new Set<string>();
    for (let n = 0; n < entries; n++) made.add(await add(n));
    const seen: string[] = [];
    for await (const { id } of iterate({ limit })) {
      if (!made.has(id)) continue;
      seen.push(id);
      await remove(id);
    }
    expect(seen.toSorted()).toEqual([...made].toSorted());
  });

  test("are seen once each while others come and go", async () => {
    const kept: string[] = [];
    const passing: string[] = [];
    let n = 100;
    for (let each = 0; each < entries; each++) {
      passing.push(await add(n++));
      kept.push(await add(n++));
    }
    const seen: string[] = [];
    for await (const { id } of iterate({ limit })) {
      seen.push(id);
      if (seen.length % 2 === 0) await add(n++);
      const gone = passing.splice(seen.length % 3 === 0 ? 0 : -1, 1)[0];
      if (gone !== undefined) await remove(gone);
    }
    expect(seen.filter((id) => kept.includes(id)).toSorted()).toEqual(kept.toSorted());
    expect(new Set(seen).size).toBe(seen.length);
    for await (const { id } of iterate({ limit: 100 })) {
      if (id !== project && !containers.includes(id)) await remove(id).catch(() => {});
    }
  });
});
