// The client against a whole control plane, with a clock that the test moves: sessions that end, tokens that find their realm.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { hash } from "node:crypto";
import { inspect } from "node:util";
import type { CreateTokenBody } from "../../src/client/gen/api.ts";
import { HttpClient } from "../../src/client/http.ts";
import { authenticate, fromSession, RealmgateClient } from "../../src/client/realmgate-client.ts";
import { type SessionTokens, sessionCredential } from "../../src/client/session.ts";
import { ControlPlane } from "../harness/control-plane.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const login = { username: "ada", password: "Correct horse 1" };
const dayS = 86_400;

let plane: ControlPlane;
/** What was asked, in order. */
let lines: string[] = [];
const counted = (url: string, init: RequestInit) => {
  lines.push(`${init.method} ${new URL(url).pathname.replace("/api/v1/", "")}`);
  return fetch(url, init);
};
const options = { fetch: counted };

beforeAll(async () => {
  plane = new ControlPlane();
  await plane.store.registerServer("local");
  const passwordHash = await Bun.password.hash(login.password, {
    algorithm: "argon2id",
    memoryCost: 1024,
    timeCost: 1,
  });
  await plane.store.createFirstUser({ username: "ada", passwordHash });
});
beforeEach(() => {
  plane.at(0);
  lines = [];
});
afterAll(() => plane[Symbol.asyncDispose]());

describe("a session that is over", () => {
  test("is renewed with its refresh token, and the call is made", async () => {
    const client = await authenticate(plane.restUrl, login, options);
    plane.at(dayS + 1);
    const me = await client.api.users.getCurrent();
    expect(me.data.username).toBe("ada");
    expect(lines).toEqual([
      "POST users/auth/login",
      "GET users/auth/me",
      "POST users/auth/refresh",
      "GET users/auth/me",
    ]);
  });

  test("is renewed once for all calls that find it so, in whatever realm they are", async () => {
    const client = await authenticate(plane.restUrl, login, options);
    plane.at(dayS + 1);
    const inRealm = client.withRealm(A);
    await Promise.all([client, inRealm, client, inRealm].map(({ api }) => api.users.getCurrent()));
    expect(lines.filter((line) => line.endsWith("refresh"))).toHaveLength(1);
  });

  test("is not renewed again for a call that comes back late with the old one", async () => {
    const nobody = new RealmgateClient({ baseUrl: plane.restUrl });
    const { data } = await nobody.api.users.login(login);
    const http = new HttpClient({ baseUrl: plane.restUrl, ...options });
    const credential = sessionCredential(http, data);
    plane.at(dayS + 1);
    const old = `Bearer ${data.token}`;
    expect(await credential.renew?.(old)).toBe(true);
    expect(await credential.renew?.(old)).toBe(true);
    expect(lines).toEqual(["POST users/auth/refresh"]);
    expect(credential.authorization()).not.toBe(old);
  });

  test("hands on its new tokens to whoever keeps them", async () => {
    const nobody = new RealmgateClient({ baseUrl: plane.restUrl });
    const { data } = await nobody.api.users.login(login);
    const kept: SessionTokens[] = [];
    const client = fromSession(plane.restUrl, data, { renewed: (tokens) => kept.push(tokens) });
    plane.at(dayS + 1);
    await client.api.users.getCurrent();
    const [tokens, ...others] = kept;
    expect([tokens?.token === data.token, others]).toEqual([false, []]);
    expect((await fromSession(plane.restUrl, tokens ?? data).api.projects.list()).statusCode).toBe(
      200,
    );
  });

  test("ends calls when it cannot be renewed any more: no loop", async () => {
    const client = await authenticate(plane.restUrl, login, options);
    plane.at(30 * dayS);
    lines = [];
    await expect(client.api.users.getCurrent()).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
    expect(lines).toEqual(["GET users/auth/me", "POST users/auth/refresh"]);
  });

  test("and one that was logged out is over for good", async () => {
    const client = await authenticate(plane.restUrl, login);
    await client.api.users.logout();
    await expect(client.api.users.getCurrent()).rejects.toMatchObject({ code: "INVALID_TOKEN" });
  });
});

test("a wrong password is INVALID_CREDENTIALS, and no error shows what was sent", async () => {
  const password = "Wrong horse 999";
  const failure = await authenticate(plane.restUrl, { username: "ada", password }).catch((e) => e);
  expect(failure).toMatchObject({ name: "ApiError", statusCode: 401, code: "INVALID_CREDENTIALS" });
  expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain(password);
});

describe("a token", () => {
  let ada: RealmgateClient;
  beforeEach(async () => {
    ada = await authenticate(plane.restUrl, login);
  });
  const made = async (body: CreateTokenBody) => {
    const { data } = await ada.api.authTokens.create({
      permission_template: "full_access",
      ...body,
    });
    return data.token ?? "";
  };

  test("confined to one realm goes to its host by itself", async () => {
    const project = await ada.api.projects.create({ alias: "in-a", realm_ids: [A] });
    await ada.api.projects.create({ alias: "outside" });
    const token = await made({ realm_ids: [A], allow_no_realm: false });
    const client = await RealmgateClient.fromToken(plane.restUrl, token);
    expect([client.realm, client.restrictions?.allowed_realm_ids]).toEqual([A, [A]]);
    const projects = await Array.fromAsync(client.api.projects.iterate(), ({ id }) => id);
    expect(projects).toEqual([project.data.id]);
  });

  test("confined to several stays and tells which; the caller chooses", async () => {
    const client = await RealmgateClient.fromToken(
      plane.restUrl,
      await made({ realm_ids: [A, B] }),
    );
    expect([client.realm, client.restrictions?.allowed_realm_ids]).toEqual([null, [A, B]]);
    await expect(client.api.projects.list()).rejects.toMatchObject({ statusCode: 403 });
    const chosen = client.withRealm(B);
    expect([(await chosen.api.projects.list()).statusCode, chosen.restrictions]).toEqual([
      200,
      client.restrictions,
    ]);
  });

  test("confined to none stays where it is", async () => {
    const client = await RealmgateClient.fromToken(plane.restUrl, await made({}));
    expect([client.realm, (await client.api.projects.list()).statusCode]).toEqual([null, 200]);
  });

  test("stays in the realm that it was asked for", async () => {
    const token = await made({ realm_ids: [A], allow_no_realm: false });
    expect((await RealmgateClient.fromToken(plane.restUrl, token, { realm: A })).realm).toBe(A);
  });

  test("cannot find its realm on an address: the message says what to use", async () => {
    const token = await made({ realm_ids: [A], allow_no_realm: false });
    const address = plane.restUrl.replace("localhost", "127.0.0.1");
    await expect(RealmgateClient.fromToken(address, token)).rejects.toThrow(plane.restUrl);
  });

  test.each([
    ["containers.read and the right to edit", { containers: { read: true, update: true } }],
    ["nothing but the right to edit", { resources: { proxy_aliases: true } }],
  ])("writes without naming a version, with %s", async (_leaves, permissions) => {
    const project = await ada.api.projects.create({ alias: `leaves-${crypto.randomUUID()}` });
    const { id } = (await ada.api.containers.create(project.data.id)).data;
    const token = (await ada.api.authTokens.create({ permissions })).data.token ?? "";
    const { api } = new RealmgateClient({ baseUrl: plane.restUrl, credential: token });
    const written = await api.proxyPermissionsContainer.setIpGroup(id, "office", {
      range: "10.0.0.0/8",
    });
    expect(written.etag).toBe("file:v1");
  });

  test("that is none is refused", async () => {
    await expect(RealmgateClient.fromToken(plane.restUrl, "hdy_nothing")).rejects.toMatchObject({
      statusCode: 401,
      code: "INVALID_TOKEN",
    });
  });

  test("is shown by nothing that inspects a client of it", async () => {
    const token = await made({});
    const containersUrl = "http://containers.localhost:8000";
    const client = await RealmgateClient.fromToken(plane.restUrl, token, { containersUrl });
    const http = new HttpClient({ baseUrl: plane.restUrl, credential: token });
    for (const thing of [client, client.api, http, await client.withContainer(place, secret)]) {
      for (const text of [Bun.inspect(thing), inspect(thing, { depth: 9, showHidden: true })]) {
        expect(text).not.toContain(token);
        expect(text).not.toContain(secret.token);
      }
    }
  });

  const secret = { type: "jwt", token: hash("sha256", "x") } as const;
  const place = { id: A, project_id: B, server: "local" };
});

describe("a token finds its realm only when it", () => {
  const told = (restrictions: object, realm?: string) =>
    RealmgateClient.fromToken("https://api.example.com", "hdy_x", {
      realm,
      fetch: async () =>
        Response.json({ statusCode: 200, message: "", data: { token: {}, restrictions } }),
    });
  const only = { requires_realm_scope: true, allowed_realm_ids: [A] };
  test.each([
    ["must be in one, and may be in one only", only, undefined, A],
    ["must: it may stay where it is", { ...only, requires_realm_scope: false }, undefined, null],
    ["knows which", { ...only, allowed_realm_ids: [] }, undefined, null],
    ["has no choice", { ...only, allowed_realm_ids: [A, B] }, undefined, null],
    ["was not asked for in another", only, B, B],
  ])("%s", async (_when, restrictions, asked, realm) => {
    expect((await told(restrictions, asked)).realm).toBe(realm);
  });
});

test("where containers are must be said on this machine", async () => {
  const client = new RealmgateClient({ baseUrl: plane.restUrl });
  const named = client.withContainer({ id: A, project_id: B, server: "local" });
  await expect(named).rejects.toThrow("containersUrl");
});

test("reads can wait for none: a write's revision is told", async () => {
  const ada = await authenticate(plane.restUrl, login);
  const made = await ada.api.projects.create({ alias: `revision-${Date.now()}` });
  expect([typeof made.revision, (await ada.api.projects.list()).revision]).toEqual([
    "string",
    undefined,
  ]);
});
