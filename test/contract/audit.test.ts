// The audit trail: every method that changes something leaves one event, written with the change.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type DescMethod, getOption } from "@bufbuild/protobuf";
import { audit, CallerKind, requires } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { EVERY_EVENT, type StoredEvent } from "../../src/admin/store/event-records.ts";
import { bindingsOf } from "../../src/gateway-rest/routing/http-rule.ts";
import { ControlPlane } from "../harness/control-plane.ts";
import { scopeOf } from "../harness/stage.ts";
import { Tenants, type Told } from "../harness/tenants.ts";
import { before, elsewhere, requests } from "./method-table/requests.ts";
import { restRequest } from "./method-table/rest.ts";
import { makeScene, type Scene } from "./method-table/scene.ts";

const A = "a".repeat(24);
const password = "a password";

let tenants: Tenants;
let adaId: string;
let drawn = 0;

beforeAll(async () => {
  tenants = await Tenants.open();
  adaId = await tenants.idOf("ada");
  const passwordHash = await Bun.password.hash(password, "argon2id");
  await tenants.plane.store.createAccount({
    ...{ username: "owner", email: "owner@example.com", passwordHash, isAdmin: false },
  });
});

afterAll(async () => {
  await tenants[Symbol.asyncDispose]();
  await listing[Symbol.asyncDispose]();
});

/** All that ada, the operator, sees; oldest first. */
async function trail(): Promise<readonly StoredEvent[]> {
  const viewer = { scope: scopeOf(adaId), tokenId: null, isOperator: true };
  const found: StoredEvent[] = [];
  for (let page = 1; ; page++) {
    const { items } = await tenants.plane.store.events(viewer, {
      ...{ ...EVERY_EVENT, page, limit: 1000, sortBy: "created_at", sortOrder: "asc" },
    });
    found.push(...items);
    if (items.length < 1000) return found;
  }
}

/** The events that something leaves. */
async function left(doing: () => Promise<unknown>): Promise<readonly StoredEvent[]> {
  const count = (await trail()).length;
  await doing();
  return (await trail()).slice(count);
}

const listing = new ControlPlane();
const methods = listing.services.flatMap((service) => service.methods);
const bindings = Map.groupBy(bindingsOf(listing.services), ({ method }) => method);
const nameOf = (method: DescMethod) => `${method.parent.name}.${method.name}`;

async function scene(): Promise<Scene> {
  // One of the methods ends them.
  tenants.ada = await tenants.plane.session("ada");
  const guest = await tenants.plane.store.createAccount({
    username: `guest-${drawn}`,
    email: `guest-${drawn}@example.com`,
    passwordHash: "",
    isAdmin: false,
  });
  if (typeof guest === "string") throw new Error(guest);
  const users = { ownerId: adaId, memberId: tenants.bobId, guestId: guest.id };
  return makeScene(tenants.plane, tenants.ada, { n: drawn++, realmIds: [A], ...users });
}

/** What the row of the method table needs before. Answers as whom it is called. */
async function prepare(method: DescMethod, { containerId }: Scene): Promise<string> {
  const first = before[nameOf(method)];
  if (first !== undefined) await tenants.data("POST", `/containers/${containerId}/${first}`);
  const needs = getOption(method, requires);
  return needs.caller === CallerKind.TOKEN ? tenants.token("ada") : tenants.ada;
}

/** Calls a method with what its row of the method table says. */
async function call(method: DescMethod, of: Scene, as: string): Promise<Told> {
  const [binding] = bindings.get(method) ?? [];
  const request = requests[nameOf(method)];
  if (binding === undefined || request === undefined) throw new Error(nameOf(method));
  const own = method.parent.name === "ProjectPermissionsService";
  const { path, method: verb, body } = restRequest(binding, request(of));
  return tenants.send(verb, path, {
    as,
    ...(body === undefined ? {} : { body }),
    ...(getOption(method, requires).ifMatch
      ? { ifMatch: own ? of.projectEtag : of.containerEtag }
      : {}),
  });
}

describe("an event is named by what the call does", () => {
  const kinds = async (doing: () => Promise<unknown>) =>
    (await left(doing)).map(({ kind }) => kind);

  test("a token that is switched off and on, and one that is changed as well", async () => {
    const { id } = await tenants.data("POST", "/auth/tokens", { body: { alias: "switched" } });
    const put = (body: object) => tenants.data("PATCH", `/auth/tokens/${id}`, { body });
    expect(await kinds(() => put({ is_enabled: false }))).toEqual(["auth.token.disabled"]);
    expect(await kinds(() => put({ is_enabled: true }))).toEqual(["auth.token.enabled"]);
    const both = { is_enabled: false, alias: "renamed" };
    expect(await kinds(() => put(both))).toEqual(["auth.token.updated"]);
  });

  test("an account that is banned, let in again, made an operator, and changed otherwise", async () => {
    const body = { username: "named", email: "named@example.com", password: "Correct horse 1" };
    const { id } = await tenants.data("POST", "/users", { body });
    const put = (change: object) => tenants.data("PATCH", `/users/${id}`, { body: change });
    expect(await kinds(() => put({ is_banned: true }))).toEqual(["user.banned"]);
    expect(await kinds(() => put({ is_banned: false }))).toEqual(["user.unbanned"]);
    expect(await kinds(() => put({ is_admin: true }))).toEqual(["user.role_changed"]);
    const { updated_at } = await tenants.data("GET", `/users/${id}`);
    tenants.plane.at(60);
    const asItIs = { is_banned: false, is_admin: true };
    expect(await kinds(() => put({ is_banned: false }))).toEqual([]);
    expect(await kinds(() => put(asItIs))).toEqual([]);
    expect(await tenants.data("GET", `/users/${id}`)).toMatchObject({ ...asItIs, updated_at });
    expect(await kinds(() => put({ username: "named-2" }))).toEqual(["user.updated"]);
  });

  test("an alias that is switched on and off", async () => {
    const { containerId } = await scene();
    const alias = { container_id: containerId, alias: "switched", program: "http", port: 80 };
    const { id } = await tenants.data("POST", "/proxy/aliases", { body: alias });
    const turn = (enabled: boolean) =>
      tenants.data("PATCH", `/proxy/aliases/${id}/state`, { body: { enabled } });
    expect(await kinds(() => turn(false))).toEqual(["proxy.alias.disabled"]);
    expect(await kinds(() => turn(true))).toEqual(["proxy.alias.enabled"]);
  });

  test("a session that is renewed", async () => {
    const body = { username: "owner", password };
    const { refreshToken } = await tenants.data("POST", "/users/auth/login", { body });
    const as = `Bearer ${refreshToken}`;
    const renew = () => tenants.data("POST", "/users/auth/refresh", { as, body: { refreshToken } });
    expect(await kinds(renew)).toEqual(["auth.session.refreshed"]);
  });
});

const covered = methods.filter((method) => !elsewhere.has(nameOf(method)));

test("most methods leave an event", () => {
  expect(covered.filter((method) => getOption(method, audit).kind !== "").length).toBeGreaterThan(
    55,
  );
});

/** What a call's event may be called otherwise, by what the call turns out to do. */
const otherwise: Readonly<Record<string, readonly string[]>> = {
  "proxy.permissions.group_updated": ["proxy.permissions.group_added"],
  "proxy.alias.enabled": ["proxy.alias.disabled"],
  "auth.token.updated": ["auth.token.enabled", "auth.token.disabled"],
  "user.updated": ["user.banned", "user.unbanned", "user.role_changed"],
};

describe.each(covered.map((each) => [nameOf(each), each] as const))("%s", (_name, method) => {
  const { kind } = getOption(method, audit);

  test(kind === "" ? "leaves none" : "leaves one event", async () => {
    const of = await scene();
    const as = await prepare(method, of);
    const answered: Told[] = [];
    const events = await left(async () => answered.push(await call(method, of, as)));
    expect([200, 201]).toContain(answered[0]?.status ?? 0);
    expect(events).toHaveLength(kind === "" ? 0 : 1);
    for (const event of events) {
      expect([kind, ...(otherwise[kind] ?? [])]).toContain(event.kind);
      const { method: verb, path, status } = event;
      expect({ verb, path, status }).toEqual({
        verb: expect.stringMatching(/^(POST|PUT|PATCH|DELETE)$/),
        // Whole: nothing in it stands for something.
        path: expect.stringMatching(/^\/api\/v1\/[^{}]+$/),
        status: answered[0]?.status ?? 0,
      });
      expect(event).toMatchObject({ code: null, ip: "127.0.0.1", fields: expect.any(Array) });
      expect(event.requestId).toMatch(/./);
      expect(event.resourceId).toMatch(/^[0-9a-f]{24}$/);
      if (!getOption(method, requires).ifMatch) continue;
      const { versionBefore, versionAfter } = event;
      expect(versionAfter).toBe((versionBefore ?? 0) + 1);
    }
  });
});
