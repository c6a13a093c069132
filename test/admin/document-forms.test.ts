// What one write costs from the API to the proxy of the same process: its document is parsed once and compiled once.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { changeSource } from "../../src/admin/feed/change-source.ts";
import * as compiling from "../../src/policy/compile.ts";
import * as parsing from "../../src/policy/document.ts";
import { RecentPolicies } from "../../src/policy/recent-policies.ts";
import { Feed } from "../../src/proxy/snapshot/feed.ts";
import { Snapshot } from "../../src/proxy/snapshot/snapshot.ts";
import { call, openPlace, type Place, putDocument } from "../harness/documents.ts";

const document = {
  groups: { office: { type: "ip", range: "10.1.0.0/16" } },
  permissions: { office: { terminal: true } },
  default: "deny",
};
const compile = spyOn(compiling, "compileSteps");
const parse = spyOn(parsing, "parseDocumentSteps");
const read = spyOn(parsing, "readDocumentText");
const counts = () => ({
  compiled: compile.mock.calls.length,
  parsed: parse.mock.calls.length,
  read: read.mock.calls.length,
});

let place: Place;
let recentPolicies: RecentPolicies;
let feed: Feed;

beforeEach(async () => {
  place = await openPlace();
  recentPolicies = new RecentPolicies();
  await place.store.setUpstream(place.container.id, [], { address: "10.0.0.1", programs: {} });
  feed = await started();
  for (const spy of [compile, parse, read]) spy.mockClear();
});

afterEach(async () => {
  feed.stop();
  await place.store.close();
});

async function started(): Promise<Feed> {
  const log = { error() {}, warn() {}, info() {} };
  const options = { serverName: "local", programPorts: {}, mayDial: () => true, log };
  const empty = Snapshot.empty({ ...options, recentPolicies });
  const feed = new Feed({ source: changeSource(place.store), empty, log });
  await feed.start();
  return feed;
}

/** The policy that decides for the container, once all is there. */
async function policy() {
  expect(await feed.reached(BigInt(await place.store.revision()), 2_000)).toBe(true);
  const host = { kind: "direct", program: "terminal", instance: 1 } as const;
  const ids = { project: place.project.id, container: place.container.id };
  const route = feed.current().route({ ...host, ...ids });
  if (typeof route === "string") throw new Error(route);
  return route.policy;
}

const write = (name: string, request: object) =>
  call(place, name, request as Parameters<typeof call>[2], { recentPolicies });

test("a document that is replaced: nothing is read back", async () => {
  await write("ContainerPermissionsService.ReplacePermissions", { document });
  expect((await policy())?.groupNames).toEqual(["office"]);
  expect(counts()).toEqual({ compiled: 1, parsed: 1, read: 0 });
});

test.each([
  ["ContainerPermissionsService.SetDefault", { default: "allow" }],
  ["ContainerSettingsService.UpdateSettings", { default: "allow" }],
])("a document that is edited by %s: what was there is read once", async (name, request) => {
  await putDocument(place, place.container, document);
  await policy();
  for (const spy of [compile, parse, read]) spy.mockClear();
  await write(name, request);
  expect((await policy())?.openByDefault).toBe(true);
  expect(counts()).toEqual({ compiled: 1, parsed: 1, read: 1 });
});

test("a kill switch: nothing is compiled, the answer reads what is there", async () => {
  await putDocument(place, place.container, document);
  const before = await policy();
  for (const spy of [compile, parse, read]) spy.mockClear();
  await write("ContainerPermissionsService.SetState", { enableProxy: true });
  expect(await policy()).toBe(before);
  expect(counts()).toEqual({ compiled: 0, parsed: 0, read: 1 });
});

test("equal documents: the proxy holds the one that it has", async () => {
  await write("ProjectPermissionsService.ReplacePermissions", { document });
  const before = await policy();
  await write("ContainerPermissionsService.ReplacePermissions", { document });
  expect(await policy()).toBe(before);
  expect(feed.current().shared.policies).toBe(1);
  expect(counts()).toEqual({ compiled: 2, parsed: 2, read: 0 });
});

test("a restart: compiled by the first request, and once", async () => {
  await putDocument(place, place.project, document);
  await putDocument(place, place.container, document);
  await policy();
  feed.stop();
  for (const spy of [compile, parse, read]) spy.mockClear();
  feed = await started();
  expect(counts()).toEqual({ compiled: 0, parsed: 0, read: 0 });
  expect(await policy()).toBe(await policy());
  expect(counts()).toEqual({ compiled: 1, parsed: 1, read: 1 });
});
