// The event and activity calls of the documented product's client: its parameters, its paging, and the fields that it reads.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Tenants } from "../harness/tenants.ts";

let tenants: Tenants;
const realm = "aaaaaaaaaaaaaaaaaaaaaaaa";
let projectId = "";
let containerId = "";
let aliasId = "";

const get = async (path: string, given = {}) => (await tenants.send("GET", path, given)).body;

beforeAll(async () => {
  tenants = await Tenants.open();
  projectId = await tenants.project([realm]);
  containerId = await tenants.container(projectId);
  const body = { container_id: containerId, alias: `e${Date.now()}`, program: "http", port: 80 };
  aliasId = (await tenants.data("POST", "/proxy/aliases", { body })).id;
  const path = `/containers/${containerId}/proxy/permissions/groups/office/ip`;
  await tenants.data("PUT", path, { body: { range: "10.0.0.0/8" }, ifMatch: "file:v0" });
  await tenants.data("PATCH", `/proxy/aliases/${aliasId}/state`, { body: { enabled: false } });
});

afterAll(() => tenants[Symbol.asyncDispose]());

/** As its iterator reads: by offset, until the total is reached. */
async function everything(query: string, limit: number) {
  const found = [];
  for (let offset = 0; ; ) {
    const { data } = await get(`/events?limit=${limit}&offset=${offset}${query}`);
    const { events, pagination } = data;
    expect(pagination).toMatchObject({
      limit,
      offset,
      has_more: offset + limit < pagination.total,
    });
    found.push(...events);
    offset += events.length;
    if (events.length === 0 || offset >= pagination.total) return found;
  }
}

describe("events", () => {
  test("have the documented fields beside ours", async () => {
    const { data } = await get(`/events?limit=500&resource_id=${containerId}`);
    expect(data.events[0]).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      event_type: "proxy.permissions.group_added",
      resource_type: "proxy_permissions",
      resource_id: containerId,
      user_id: expect.stringMatching(/^[0-9a-f]{24}$/),
      payload: { fields: ["groups.office"], project_id: projectId, version_after: 1 },
      realm_ids: [],
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect(data.events[0].kind).toBe(data.events[0].event_type);
  });

  test("are read by offset and limit, each once, up to 500 at a time", async () => {
    const ids = (await everything("", 3)).map(({ id }) => id);
    expect(ids).toEqual((await everything("", 500)).map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    expect((await tenants.send("GET", "/events?limit=501")).status).toBe(400);
    expect((await tenants.send("GET", "/events?offset=1&page=2")).status).toBe(400);
  });

  test("are sorted by time or by type, in both directions", async () => {
    for (const field of ["created_at", "event_type"]) {
      for (const order of ["asc", "desc"]) {
        const found = await everything(`&sort_by=${field}&sort_order=${order}`, 4);
        const values = found.map((event) => String(event[field]));
        const sorted = values.toSorted();
        expect(values).toEqual(order === "asc" ? sorted : sorted.toReversed());
      }
    }
  });

  test.each([["since"], ["until"], ["start_date"]])(
    "%s of a day that there is not is refused",
    async (name) => {
      const { status } = await tenants.send("GET", `/events?${name}=2026-02-31`);
      expect(status).toBe(400);
      expect((await tenants.send("GET", `/events?${name}=2028-02-29`)).status).toBe(200);
    },
  );

  test.each([
    ["event_type=proxy.alias.disabled", ["proxy.alias.disabled"]],
    ["event_type=container.creating", ["container.created"]],
    ["event_type=vault.cleared", []],
    ["event_type=constructor", []],
    ["event_type=__proto__", []],
    ["resource_type=proxy_alias", ["proxy.alias.disabled", "proxy.alias.created"]],
    ["resource_type=proxy_permissions", ["proxy.permissions.group_added"]],
    ["resource_type=container", ["container.created"]],
    ["resource_type=firewall", []],
  ])("filtered by %s", async (query, expected) => {
    const { data } = await get(`/events?project_id=${projectId}&${query}`);
    expect(data.events.map(({ kind }: { kind: string }) => kind)).toEqual(expected);
  });

  test("about a container are also those about its aliases", async () => {
    const found = await everything(`&container_id=${containerId}`, 2);
    expect(found.map(({ kind }) => kind).toSorted()).toEqual([
      "container.created",
      "proxy.alias.created",
      "proxy.alias.disabled",
      "proxy.permissions.group_added",
    ]);
  });

  test("of a time, with any offset to UTC", async () => {
    const [last] = await everything("", 100);
    const at = new Date(Date.parse(last.created_at) + 1);
    const there = `${new Date(at.getTime() + 7_200_000).toISOString().slice(0, -1)}%2B02:00`;
    expect(await everything(`&start_date=${there}`, 100)).toEqual([]);
    expect(await everything(`&end_date=${there}`, 100)).toEqual(await everything("", 100));
    expect((await tenants.send("GET", "/events?start_date=yesterday")).status).toBe(400);
    expect((await tenants.send("GET", "/events?start_date=2026-13-45")).status).toBe(400);
  });

  test("of a realm name that realm alone", async () => {
    const { data } = await get(`/events?realm_id=${realm}&resource_id=${projectId}`);
    expect(data.events).toMatchObject([{ kind: "project.created", realm_ids: [realm] }]);
  });

  test("are counted by type and by resource", async () => {
    const { data } = await get("/events/stats?start_date=2000-01-01");
    const all = await everything("", 100);
    expect(data).toMatchObject({
      total_events: all.length,
      by_type: { "container.created": 1, "proxy.alias.disabled": 1 },
      by_resource: { proxy_alias: 2, proxy_permissions: 1, container: 1 },
      oldest_event: all.at(-1).created_at,
      newest_event: all[0].created_at,
    });
  });

  test.each([
    ["DELETE", "/events", { event_type: "project.created" }],
    ["POST", "/events/cleanup", { retention_days: 1 }],
  ] as const)("are not deleted by %s %s either", async (method, path, body) => {
    const before = (await everything("", 100)).length;
    expect((await tenants.send(method, path, { body })).body).toMatchObject({
      statusCode: 403,
      code: "EVENTS_APPEND_ONLY",
    });
    expect((await everything("", 100)).length).toBe(before);
  });
});

describe("activity", () => {
  const activity = "/users/auth/activity";

  test("is a list of calls, with what the documented client reads beside it", async () => {
    const { data, metadata } = await get(`${activity}?page=1&limit=2`);
    expect(data).toHaveLength(2);
    expect(metadata).toEqual({
      total: expect.any(Number),
      page: 1,
      limit: 2,
      pages: Math.ceil(metadata.total / 2),
    });
    expect(data[0]).toMatchObject({
      user_id: expect.stringMatching(/^[0-9a-f]{24}$/),
      method: "PATCH",
      path: `/api/v1/proxy/aliases/${aliasId}/state`,
      status_code: 200,
      ip_address: "127.0.0.1",
      user_agent: null,
      realm_id: null,
    });
  });

  test("is filtered by method, by status, and by whether it was refused", async () => {
    const of = async (query: string) => (await get(`${activity}?limit=100&${query}`)).data;
    const refused = { username: "ada", password: "not the password" };
    expect((await tenants.send("POST", "/users/auth/login", { body: refused })).status).toBe(401);
    const [error, ...others] = await of("errors_only=true");
    expect(error).toMatchObject({
      ...{ kind: "auth.login.failed", status_code: 401, method: "POST" },
      path: "/api/v1/users/auth/login",
    });
    expect(others).toEqual([]);
    expect(await of("min_status=401&max_status=401")).toEqual([error]);
    const posts = await of("method=POST&errors_only=false&max_status=299");
    expect(posts.length).toBeGreaterThan(2);
    expect(posts.every(({ status_code }: { status_code: number }) => status_code < 300)).toBe(true);
    expect(await of("method=GET")).toEqual([]);
    expect((await tenants.send("GET", `${activity}?min_status=1`)).status).toBe(400);
  });

  test("is counted", async () => {
    const { metadata } = await get(activity);
    expect((await get(`${activity}/stats`)).data).toMatchObject({
      total_records: metadata.total,
      oldest_record: expect.stringMatching(/Z$/),
      newest_record: expect.stringMatching(/Z$/),
      retention_days: 180,
    });
  });
});

test("events about members are found by either name of their type", async () => {
  const id = await tenants.project();
  const body = { user_id: tenants.bobId, permission_level: "read" };
  await tenants.data("POST", `/projects/${id}/permissions`, { body });
  for (const type of ["permission", "project_permission"]) {
    const { data } = await get(`/events?project_id=${id}&resource_type=${type}`);
    expect(data.events).toMatchObject([{ kind: "project.permission.granted" }]);
  }
});
