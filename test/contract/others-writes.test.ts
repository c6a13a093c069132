// Whoever is confined to realms does not notice by the state of the proxies that somebody writes.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Tenants } from "../harness/tenants.ts";

const A = "a".repeat(24);

let tenants: Tenants;
let confined: string;

beforeAll(async () => {
  tenants = await Tenants.open();
  confined = await tenants.token("ada", { realmIds: [A] });
});

afterAll(() => tenants[Symbol.asyncDispose]());

test("M11 a proxy that is behind others' writes shows to unconfined callers alone", async () => {
  const { store } = tenants.plane;
  const hears = await tenants.proxyNode("east");
  const { revision, lineage } = await store.head();
  await hears("edge-1", { enforcedRevision: revision, enforcedLineage: lineage });
  const seen = async (as: string, host = {}) => {
    const { servers } = await tenants.data("GET", "/servers", { as, ...host });
    const { status, enforcing, heard_at } = servers.find(
      ({ name }: { name: string }) => name === "east",
    );
    return { status, enforcing, heard: heard_at !== null };
  };
  const quiet = { status: "online", enforcing: 1, heard: false };
  expect(await seen(tenants.ada)).toEqual({ ...quiet, heard: true });
  expect(await seen(confined, { realm: A })).toEqual(quiet);
  await tenants.project([], tenants.bob);
  expect(await seen(tenants.ada)).toEqual({ status: "lagging", enforcing: 0, heard: true });
  expect(await seen(confined, { realm: A })).toEqual(quiet);
});

test("M11 a confined caller asks for the enforcement of a write of its own, not of the last one", async () => {
  const asked = (as: string, host = {}) => tenants.send("GET", "/enforcement", { as, ...host });
  const refused = await asked(confined, { realm: A });
  expect([refused.status, refused.body.code]).toEqual([403, "INSUFFICIENT_PERMISSIONS"]);
  expect((await asked(confined)).status).toBe(403);
  expect((await asked(tenants.ada)).status).toBe(200);
});
