// Which groups the document of a project has is for those who may read it, whatever they write.
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
