// `iterate…` of the client against the program while what it reads is deleted: every entry is seen, once.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { RealmgateClient } from "../../src/client/realmgate-client.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

const containers = 230;

let program: Program;
let client: RealmgateClient;
let project: string;

beforeAll(async () => {
  program = await startProgram();
  const login = { username: "admin", password: adminPassword };
  client = await RealmgateClient.authenticate(program.urls.rest, login);
  project = (await client.api.projects.create({ alias: "much" })).data.id;
}, 30_000);
afterAll(() => program[Symbol.asyncDispose]());

test("230 containers are seen and deleted one by one", async () => {
  const made = new Set<string>();
  for (let n = 0; n < containers; n++) {
    made.add((await client.api.containers.create(project, { name: `box-${n}` })).data.id);
  }
  const seen: string[] = [];
  for await (const { id } of client.api.containers.iterateByProject(project)) {
    seen.push(id);
    await client.api.containers.delete(id);
  }
  expect(seen).toHaveLength(containers);
  expect(new Set(seen)).toEqual(made);
  expect((await client.api.containers.listByProject(project)).data.pagination?.total).toBe(0);
}, 120_000);

test("entries that are made while a list is read take no other's place", async () => {
  const before = new Set<string>();
  for (let n = 0; n < 25; n++) {
    before.add((await client.api.projects.create({ alias: `before-${n}` })).data.id);
  }
  const seen: string[] = [];
  for await (const { id } of client.api.projects.iterate({ limit: 4 })) {
    seen.push(id);
    if (seen.length <= 20) await client.api.projects.create({ alias: `after-${seen.length}` });
  }
  expect(seen.filter((id) => before.has(id)).toSorted()).toEqual([...before].toSorted());
  expect(new Set(seen).size).toBe(seen.length);
}, 60_000);
