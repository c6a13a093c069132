// Who sees which events, what they keep to themselves, and what is recorded of refusals.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { basic } from "../harness/credentials.ts";
import { type SendOptions, Tenants, type Told } from "../harness/tenants.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const secret = "TOPSECRET-VALUE";
const password = "Correct horse 1";

let tenants: Tenants;

beforeAll(async () => {
  tenants = await Tenants.open();
});

afterAll(() => tenants[Symbol.asyncDispose]());

interface Shown {
  readonly id: string;
  readonly kind: string;
  readonly created_at: string;
  readonly resource_id: string | null;
  readonly fields: readonly string[];
}

async function events(options: SendOptions = {}, query = ""): Promise<readonly Shown[]> {
  return (await tenants.data("GET", `/events?limit=100${query}`, options)).events;
}

const kindsOf = (shown: readonly Shown[]) => shown.map(({ kind }) => kind);
const codeOf = ({ status, body }: Told) => [status, body.code];

describe("an event", () => {
  test("says who, from where, what, with names and without values", async () => {
    const projectId = await tenants.project();
    const id = await tenants.container(projectId);
    const body = {
      groups: { office: { type: "token", header: "X-Key", value: secret } },
      permissions: { office: { http: true } },
      default: "deny",
    };
    const path = `/containers/${id}/proxy/permissions`;
    const { headers } = await tenants.plane.call(tenants.ada, {
      ...{ method: "PUT", path, realm: null, body, ifMatch: "file:v0" },
    });
    expect(headers).toBeDefined();
    const group = { value: secret, header: "X-Key" };
    await tenants.data("PUT", `${path}/groups/office/token`, { body: group, ifMatch: "file:v1" });
    await tenants.data("PUT", `${path}/groups/new/token`, { body: group, ifMatch: "file:v2" });
    const shown = await events({}, `&resource_id=${id}`);
    expect(shown).toMatchObject([
      { kind: "proxy.permissions.group_added", fields: ["groups.new"] },
      { kind: "proxy.permissions.group_updated", version_before: 1, version_after: 2 },
      {
        kind: "proxy.permissions.updated",
        actor: { username: "ada" },
        client_ip: "127.0.0.1",
        token_id: null,
        request_id: expect.stringMatching(/./),
        realm_id: null,
        resource_type: "proxy_permissions",
        project_id: projectId,
        fields: ["groups", "permissions", "default"],
        version_before: 0,
        version_after: 1,
        code: null,
      },
      { kind: "container.created", fields: ["name"], version_after: null },
    ]);
    const everything = await tenants.send("GET", "/events?limit=100");
    expect(everything.text).not.toContain(secret);
    const [first] = shown;
    expect(await tenants.data("GET", `/events/${first?.id}`)).toEqual(first);
    const stats = await tenants.data("GET", `/events/stats?resource_id=${id}&kind=proxy`);
    const counted = {
      "proxy.permissions.updated": 1,
      "proxy.permissions.group_added": 1,
      "proxy.permissions.group_updated": 1,
    };
    expect(stats).toEqual({
      ...{ total: 3, total_events: 3, kinds: counted, by_type: counted },
      by_resource: { proxy_permissions: 3 },
      ...{ oldest_event: first?.created_at, newest_event: first?.created_at },
    });
    expect(kindsOf(await events({}, `&resource_id=${id}&kind=proxy.perm`))).toEqual([]);
  });

  test("is not left by a dry run, nor by a write that is refused as stale", async () => {
    const id = await tenants.project();
    const path = `/projects/${id}/proxy/permissions/default`;
    const body = { default: "deny" };
    await tenants.data("PUT", `${path}?validate_only=true`, { body, ifMatch: "file:v0" });
    expect((await tenants.send("PUT", path, { body, ifMatch: "file:v7" })).status).toBe(412);
    expect(kindsOf(await events({}, `&resource_id=${id}`))).toEqual(["project.created"]);
  });

  test("cannot be deleted, by nobody", async () => {
    const [first] = await events();
    const refused = await tenants.send("DELETE", `/events/${first?.id}`);
    expect(codeOf(refused)).toEqual([403, "EVENTS_APPEND_ONLY"]);
    expect((await events()).some(({ id }) => id === first?.id)).toBeTrue();
  });

  test("stays for the owner when what it is about is gone", async () => {
    const id = await tenants.project();
    await tenants.data("DELETE", `/projects/${id}`);
    expect(kindsOf(await events({}, `&resource_id=${id}`))).toEqual([
      "project.deleted",
      "project.created",
    ]);
  });
});

describe("a caller", () => {
  test("sees events of its own projects and of those it is a member of, and no others", async () => {
    const id = await tenants.project();
    const as = tenants.bob;
    expect(await events({ as }, `&project_id=${id}`)).toEqual([]);
    const [event] = await events({}, `&project_id=${id}`);
    expect(codeOf(await tenants.send("GET", `/events/${event?.id}`, { as }))).toEqual([
      404,
      "EVENT_NOT_FOUND",
    ]);
    await tenants.join(id, ProjectLevel.READ);
    expect(await events({ as }, `&project_id=${id}`)).toMatchObject([
      { kind: "project.created", client_ip: null, request_id: null, actor: { username: "ada" } },
    ]);
  });

  test("in a realm sees only what was in it, and from where only what was done there", async () => {
    const one = await tenants.project([A]);
    const other = await tenants.project([B]);
    const as = await tenants.token("ada", { realmIds: [A] });
    const inA = { as, realm: A };
    await tenants.data("PATCH", `/projects/${one}`, { ...inA, body: { alias: `changed-${one}` } });
    const shown = await events(inA);
    expect(shown.filter(({ resource_id }) => resource_id === other)).toEqual([]);
    expect(shown.filter(({ resource_id }) => resource_id === one)).toMatchObject([
      { kind: "project.updated", client_ip: "127.0.0.1", realm_id: A },
      { kind: "project.created", client_ip: null, realm_id: null },
    ]);
    const outside = await tenants.send("GET", "/events", { as });
    expect(outside.status).toBe(403);
    const total = async () => (await tenants.data("GET", "/events?limit=1", inA)).pagination.total;
    const before = await total();
    await tenants.data("PATCH", `/projects/${other}`, { body: { alias: `changed-${other}` } });
    const intruder = await tenants.token("ada", { realmIds: [B], leaves: ["projects.read"] });
    const both = await tenants.project([A, B]);
    const known = (await total()) - before;
    const body = { alias: "refused" };
    const refused = await tenants.send("PATCH", `/projects/${both}`, {
      as: intruder,
      realm: B,
      body,
    });
    expect(refused.status).toBe(403);
    expect((await total()) - before).toBe(known);
  });

  test("that is a token needs the permission and event_access, and sees no other account event", async () => {
    const as = await tenants.token("ada", { leaves: ["projects.read"] });
    expect((await tenants.send("GET", "/events", { as })).status).toBe(403);
    const body = { alias: "no events", event_access: false };
    const { token } = await tenants.data("POST", "/auth/tokens", { body });
    const blind = { as: `Bearer ${token}` };
    for (const path of ["/events", "/events/stats", "/users/auth/activity"]) {
      expect(codeOf(await tenants.send("GET", path, blind))).toEqual([
        403,
        "INSUFFICIENT_PERMISSIONS",
      ]);
    }
    const seeing = await tenants.token("ada");
    expect(kindsOf(await events({ as: seeing }, "&kind=auth"))).toEqual([]);
    expect(kindsOf(await events({}, "&kind=auth"))).toContain("auth.token.created");
  });
});

describe("of what is refused", () => {
  test("failed logins are kept, for whoever they were tried on and for operators", async () => {
    const body = { username: "carol", email: "carol@example.com", password };
    const { id } = await tenants.data("POST", "/users", { body });
    const as = await tenants.plane.session("carol");
    const wrong = basic(`carol:${secret}`);
    expect((await tenants.send("GET", "/users/me", { as: wrong })).status).toBe(401);
    const typed = { username: secret, password };
    expect((await tenants.send("POST", "/users/auth/login", { body: typed })).status).toBe(401);
    const login = { username: "carol", password };
    await tenants.data("POST", "/users/auth/login", { body: login });
    const logs = await tenants.data("GET", "/users/auth/activity", { as });
    expect(logs).toMatchObject([
      { kind: "auth.session.created", actor: { id, username: "carol" } },
      { kind: "auth.login.failed", code: "INVALID_CREDENTIALS", actor: null, resource_id: id },
      { kind: "user.created", actor: { username: "ada" } },
    ]);
    const failed = await tenants.send("GET", "/events?kind=auth.login.failed");
    expect(failed.body.data.pagination.total).toBe(2);
    expect(failed.text).not.toContain(secret);
    const bobs = await events({ as: tenants.bob }, "&kind=auth.login.failed");
    expect(bobs).toEqual([]);
    expect(await tenants.data("GET", "/users/auth/activity/stats", { as })).toMatchObject({
      total: 3,
    });
  });

  test("writes that a member may not do are kept for the owner", async () => {
    const id = await tenants.project();
    await tenants.join(id, ProjectLevel.READ);
    const body = { alias: "mine" };
    const refused = await tenants.send("PATCH", `/projects/${id}`, { as: tenants.bob, body });
    expect(refused.status).toBe(403);
    const [event] = await events({}, `&resource_id=${id}`);
    expect(event).toMatchObject({
      kind: "call.refused",
      attempted: "project.updated",
      code: "INSUFFICIENT_PERMISSIONS",
      actor: { username: "bob" },
      fields: [],
    });
    expect((await tenants.send("GET", `/projects/${"0".repeat(24)}`)).status).toBe(404);
  });

  test("how many of anybody's were not kept is for operators", async () => {
    const { id } = await tenants.data("GET", "/users/me", { as: tenants.bob });
    await tenants.plane.store.recordEvent({
      ...{ kind: "call.refused", code: "REALM_NOT_ALLOWED", attempted: "project.created" },
      ...{ actorId: id, actorName: "bob", tokenId: null, ip: null, requestId: null },
      ...{ realmId: null, resourceKind: null, resourceId: null, fields: ["not_recorded:7"] },
      ...{ versionBefore: null, versionAfter: null, method: null, path: null, status: 403 },
    });
    const [seen] = await events({ as: tenants.bob }, "&kind=call.refused");
    const [told] = await events({}, "&kind=call.refused");
    expect([seen?.fields, told?.fields]).toEqual([[], ["not_recorded:7"]]);
  });

  test("only so many are kept, and the next says how many were not", async () => {
    const before = (await events({}, "&kind=call.refused")).length;
    const token = await tenants.token("bob", { leaves: ["projects.read"] });
    const send = () => tenants.send("POST", "/projects", { as: token, body: { alias: "refused" } });
    for (let n = 0; n < 70; n++) expect((await send()).status).toBe(403);
    const { pagination } = await tenants.data("GET", "/events?kind=call.refused&limit=1");
    expect(pagination.total - before).toBeLessThanOrEqual(61);
    expect(pagination.total - before).toBeGreaterThan(40);
  });
});
