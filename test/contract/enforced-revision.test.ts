// Operators see of every proxy what it enforces, and by how many writes it is behind.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Tenants } from "../harness/tenants.ts";

let tenants: Tenants;

beforeAll(async () => {
  tenants = await Tenants.open();
});

afterAll(() => tenants[Symbol.asyncDispose]());

test("a server tells operators what its farthest live proxy enforces, a node what each of its processes does", async () => {
  const { store } = tenants.plane;
  const heard = await tenants.proxyNode("east");
  const east = async (as: string) => {
    const listed = await tenants.data("GET", "/servers", { as });
    return listed.servers.find(({ name }: { name: string }) => name === "east");
  };
  expect(await east(tenants.ada)).toMatchObject({ enforced_revision: null, lag: null });

  await tenants.project([], tenants.bob);
  const { revision, lineage } = await store.head();
  const hears = (process: string, enforcedRevision: number, enforcedLineage = lineage) =>
    heard(process, { enforcedRevision, enforcedLineage });
  await hears("edge-1", revision);
  await hears("edge-2", revision - 1);
  expect(await east(tenants.ada)).toMatchObject({
    enforced_revision: expect.any(String),
    lag: 1,
    status: "lagging",
  });
  const listed = async () => {
    const { nodes } = await tenants.data("GET", "/nodes", { as: tenants.ada });
    return nodes[0].processes.map(({ name, lag }: { name: string; lag: number }) => [name, lag]);
  };
  expect(await listed()).toEqual([
    ["edge-1", 0],
    ["edge-2", 1],
  ]);
  // How much others write is for operators.
  expect(await east(tenants.bob)).toMatchObject({ enforced_revision: null, lag: null });
  // What a lost database had is nothing of what is stored.
  await hears("edge-2", revision + 7, "f".repeat(16));
  expect(await listed()).toEqual([
    ["edge-1", 0],
    ["edge-2", revision],
  ]);
  const local = async () => {
    const { servers: all } = await tenants.data("GET", "/servers", { as: tenants.ada });
    return all.find(({ name }: { name: string }) => name === "local");
  };
  expect(await local()).toMatchObject({ lag: 0, status: "online" });
  tenants.plane.enforced = { enforcedRevision: revision + 7, enforcedLineage: "f".repeat(16) };
  expect(await local()).toMatchObject({ lag: revision, status: "lagging" });
  await hears("edge-2", 0);
  const { nodes } = await tenants.data("GET", "/nodes", { as: tenants.ada });
  expect(nodes[0].processes[1]).toMatchObject({ enforced_revision: null, lag: revision });
});
