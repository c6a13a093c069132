// What the document of a project says is for those who may read it, whatever they write.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Tenants } from "../harness/tenants.ts";

let tenants: Tenants;

beforeAll(async () => {
  tenants = await Tenants.open();
});

afterAll(() => tenants[Symbol.asyncDispose]());

test("a token that may not read a project's document does not learn by its hooks which groups that has", async () => {
  const project = await tenants.project();
  const container = await tenants.container(project);
  await tenants.data("PUT", `/projects/${project}/proxy/permissions`, {
    body: { groups: { secret: { type: "ip", range: "192.0.2.0/24" } }, default: "deny" },
    ifMatch: "file:v0",
  });
  const path = `/containers/${container}/proxy/hooks/http`;
  const narrow = await tenants.token("ada", { leaves: ["containers.read", "containers.update"] });
  const hook = { match: {}, script: { path: "/a.ts" } };
  const naming = async (as: string, group: string) => {
    const body = { ...hook, applies_to: { groups: [group] } };
    const { status, body: answer } = await tenants.send("POST", path, { body, as, ifMatch });
    return [status, answer.code];
  };
  const ifMatch = "file:v0";
  const refused = [403, "INSUFFICIENT_PERMISSIONS"];
  expect([await naming(narrow, "secret"), await naming(narrow, "none")]).toEqual([
    refused,
    refused,
  ]);
  expect(await naming(tenants.ada, "none")).toEqual([422, "VALIDATION_ERROR"]);
  const made = await tenants.send("POST", path, { body: hook, as: narrow, ifMatch });
  expect(made.status).toBe(201);
});

test.each(["allow", "deny"])(
  "nor by a first write that takes its default over: %s",
  async (inForce) => {
    const project = await tenants.project();
    const container = await tenants.container(project);
    await tenants.data("PATCH", `/projects/${project}/proxy/permissions/default`, {
      body: { default: inForce },
      ifMatch: "file:v0",
    });
    const path = `/containers/${container}/proxy`;
    const narrow = await tenants.token("ada", { leaves: ["containers.read", "containers.update"] });
    const send = (method: string, rest: string, body: unknown, ifMatch = "file:v0") =>
      tenants.send(method, `${path}${rest}`, { body, as: narrow, ifMatch });
    const range = { range: "192.0.2.0/24" };
    for (const rest of [
      "/permissions/groups/x/ip",
      "/permissions/groups/x/ip?validate_only=true",
    ]) {
      const { status, body } = await send("PUT", rest, range);
      expect([status, body.code]).toEqual([403, "INSUFFICIENT_PERMISSIONS"]);
    }
    // One that says the default itself takes nothing over, and then the document is the container's own.
    expect((await send("PATCH", "/settings", { default: "deny" })).status).toBe(200);
    expect((await send("PUT", "/permissions/groups/x/ip", range, "file:v1")).status).toBe(200);
  },
);

test("where the project has none, a first write takes over that all are let in, as before", async () => {
  const project = await tenants.project();
  const container = await tenants.container(project);
  const narrow = await tenants.token("ada", { leaves: ["containers.read", "containers.update"] });
  const made = await tenants.data("PUT", `/containers/${container}/proxy/permissions/groups/x/ip`, {
    body: { range: "192.0.2.0/24" },
    as: narrow,
    ifMatch: "file:v0",
  });
  expect(made.default).toBe("allow");
});
