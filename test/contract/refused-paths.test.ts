// The path in the event of a refused call: what the call named, each name where the route has it.
import { afterAll, expect, test } from "bun:test";
import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { audit, ProjectLevel, requires } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { bindingsOf } from "../../src/gateway-rest/routing/http-rule.ts";
import { ControlPlane } from "../harness/control-plane.ts";
import { Tenants } from "../harness/tenants.ts";
import { requests } from "./method-table/requests.ts";
import { restRequest } from "./method-table/rest.ts";
import { here, makeScene } from "./method-table/scene.ts";

const listing = new ControlPlane();
afterAll(() => listing[Symbol.asyncDispose]());

const bindings = Map.groupBy(bindingsOf(listing.services), ({ method }) => method);
const nameOf = (method: DescMethod) => `${method.parent.name}.${method.name}`;

/** Methods that a member of level `read` may not call, for the level alone, and that leave an event. */
const withLevel = listing.services.map((service) => {
  const methods = service.methods.filter((method) => {
    const { level, operator } = getOption(method, requires);
    return level > ProjectLevel.READ && !operator && getOption(method, audit).kind !== "";
  });
  return [service.name, methods] as const;
});
const services = withLevel.filter(([, methods]) => methods.length > 0);

async function lastRefused(tenants: Tenants): Promise<unknown> {
  const { events } = await tenants.data("GET", "/events?kind=call.refused&limit=1");
  return events[0];
}

test("many methods are tried", () => {
  expect(services.flatMap(([, methods]) => methods).length).toBeGreaterThan(40);
});

// Each in a control plane of its own: refusals of one network are kept up to a limit.
test.each(services)("%s: of a member whose level is too low", async (_name, methods) => {
  await using tenants = await Tenants.open();
  const ownerId = await tenants.idOf("ada");
  const users = { ownerId, memberId: tenants.bobId, guestId: ownerId };
  const scene = await makeScene(tenants.plane, tenants.ada, { n: 0, realmIds: [here], ...users });
  const seen: unknown[] = [];
  const expected: unknown[] = [];
  for (const method of methods) {
    const [binding] = bindings.get(method) ?? [];
    const request = requests[nameOf(method)];
    if (binding === undefined || request === undefined) throw new Error(nameOf(method));
    const { path, method: verb, body } = restRequest(binding, request(scene));
    const options = { as: tenants.bob, ...(body === undefined ? {} : { body }) };
    expect((await tenants.send(verb, path, options)).status).toBe(403);
    expected.push({ method: verb, path: `/api/v1${path.split("?")[0]}`, status_code: 403 });
    seen.push(await lastRefused(tenants));
  }
  expect(seen).toMatchObject(expected);
  expect(JSON.stringify(expected)).not.toMatch(/%|"path":"[^"]*\{/);
});

test("a token that is refused before the call was read leaves the path of the route", async () => {
  await using tenants = await Tenants.open();
  const id = await tenants.project();
  const as = await tenants.token("ada", { leaves: ["projects.read"] });
  const body = { permission_level: "edit" };
  const refused = await tenants.send("PATCH", `/projects/${id}/permissions/${id}`, { as, body });
  expect(refused.status).toBe(403);
  expect(await lastRefused(tenants)).toMatchObject({
    path: "/api/v1/projects/{project_id}/permissions/{id}",
  });
});
