// What is asked for with a flag is there, be it empty: a client that asked walks the list without a look.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ControlPlane } from "../harness/control-plane.ts";

let plane: ControlPlane;
let owner: string;
let project: string;
let container: string;

beforeAll(async () => {
  plane = new ControlPlane();
  await plane.store.createFirstUser({ username: "owner", passwordHash: "-" });
  await plane.store.registerServer("local");
  owner = await plane.session("owner");
  const make = async (path: string, body: unknown) =>
    (await plane.data(owner, { method: "POST", path, realm: null, body })).id;
  project = await make("/projects", { alias: "lonely" });
  container = await make(`/projects/${project}/containers`, { name: "bare" });
});

afterAll(() => plane[Symbol.asyncDispose]());

function get(path: string): ReturnType<ControlPlane["data"]> {
  return plane.data(owner, { method: "GET", path, realm: null });
}

describe("an empty list is written when it is asked for, and left out when it is not", () => {
  const paths = {
    permissions: () => `/projects/${project}`,
    proxy_domains: () => `/containers/${container}`,
    usage: () => "/realms",
  };
  test.each([
    ["permissions", "include_permissions", []],
    ["proxy_domains", "include_proxy_domains", []],
    ["usage", "include_usage", {}],
  ] as const)("%s, with %s", async (field, flag, empty) => {
    const path = paths[field]();
    expect(await get(`${path}?${flag}=true`)).toMatchObject({ [field]: empty });
    expect(await get(`${path}?${flag}=false`)).not.toHaveProperty(field);
    expect(await get(path)).not.toHaveProperty(field);
  });

  test("in lists, too", async () => {
    const { containers } = await get("/containers?include_proxy_domains=true");
    expect(containers).toMatchObject([{ id: container, proxy_domains: [] }]);
    const [bare] = (await get(`/projects/${project}/containers`)).containers;
    expect(bare).not.toHaveProperty("proxy_domains");
  });
});
