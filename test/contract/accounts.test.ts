// Accounts over REST: operators make, change and shut out; members are named by address; readers see who can reach what.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { basic } from "../harness/credentials.ts";
import { Tenants, type Told } from "../harness/tenants.ts";

const password = "Correct horse 1";

let tenants: Tenants;
let n = 0;

beforeAll(async () => {
  tenants = await Tenants.open();
});

afterAll(() => tenants[Symbol.asyncDispose]());

const send = (method: string, path: string, body?: unknown, as = tenants.ada): Promise<Told> =>
  tenants.send(method, path, { as, ...(body === undefined ? {} : { body }) });

/** A new account; its id and what calls in its name. */
async function account(more: object = {}) {
  const username = `user-${n++}`;
  const body = { username, email: `${username}@example.com`, password, ...more };
  const made = await send("POST", "/users/", body);
  expect(made.status).toBe(201);
  const id: string = made.body.data.id;
  return { id, username, body, session: await tenants.plane.session(username) };
}

const codeOf = ({ status, body }: Told) => [status, body.code];

describe("an operator", () => {
  test("makes an account that can log in, and lists it", async () => {
    const { id, username, body } = await account({ is_admin: true });
    const { email } = body;
    const login = await send("POST", "/users/auth/login", { username: email, password });
    expect(login.body.data.user).toMatchObject({ id, username, email, is_admin: true });
    const listed = await send("GET", `/users/?search=${username}&limit=1`);
    expect(listed.body.data).toMatchObject({
      users: [{ id, is_banned: false }],
      pagination: { total: 1, page: 1, limit: 1, totalPages: 1 },
    });
    expect(listed.text).not.toContain("password");
    expect(codeOf(await send("POST", "/users", body))).toEqual([409, "USERNAME_TAKEN"]);
    const other = { ...body, username: `${username}-2` };
    expect(codeOf(await send("POST", "/users", other))).toEqual([409, "EMAIL_TAKEN"]);
    expect(codeOf(await send("POST", "/users", { ...other, password: "short" }))[0]).toBe(422);
    const token = { ...other, username: "hdy_token", email: "t@example.com" };
    expect((await send("POST", "/users", token)).status).toBe(422);
  });

  test("changes name, address, rights and password of others, with PUT and PATCH", async () => {
    const { id, session } = await account();
    for (const method of ["PUT", "PATCH"]) {
      const change = { username: `new-${n}`, email: `NEW-${n++}@example.com`, is_admin: true };
      const changed = await send(method, `/users/${id}`, change);
      const email = change.email.toLowerCase();
      expect(changed.body.data).toMatchObject({ ...change, email });
    }
    await send("PATCH", `/users/${id}`, { is_admin: false, password: "Another horse 2" });
    expect(codeOf(await send("GET", "/users/me", undefined, session))[0]).toBe(401);
    expect((await send("GET", `/users/${id}`)).body.data).toMatchObject({ is_admin: false });
    const nobody = await send("PATCH", `/users/${"0".repeat(24)}`, { is_admin: true });
    expect(codeOf(nobody)).toEqual([404, "USER_NOT_FOUND"]);
    for (const field of ["username", "email"]) {
      expect((await send("PATCH", `/users/${id}`, { [field]: null })).status).toBe(422);
    }
  });

  test("needs the own password to change it", async () => {
    const { id } = await account({ is_admin: true });
    const as = `Bearer ${(await send("POST", "/users/auth/login", { username: `user-${n - 1}`, password })).body.data.token}`;
    const change = { password: "Another horse 2" };
    const refused = await send("PATCH", `/users/${id}`, { ...change, is_admin: true }, as);
    expect(codeOf(refused)).toEqual([400, "MISSING_REQUIRED_FIELD"]);
  });

  test("cannot be the last one to go", async () => {
    const { id } = (await send("GET", "/users/me")).body.data;
    const { body } = await send("GET", "/users?limit=100");
    for (const user of body.data.users) {
      if (user.is_admin && user.id !== id)
        await send("PATCH", `/users/${user.id}`, { is_admin: false });
    }
    for (const change of [{ is_banned: true }, { is_admin: false }]) {
      const refused = await send("PATCH", `/users/${id}`, change);
      expect(codeOf(refused)).toEqual([409, "LAST_OPERATOR"]);
    }
    expect(codeOf(await send("DELETE", `/users/${id}`))).toEqual([409, "LAST_OPERATOR"]);
  });
});

describe("everybody else", () => {
  test("gives neither rights nor names, not even to the own account", async () => {
    const { id } = await account();
    for (const change of [{ is_admin: true }, { is_banned: false }, { email: "x@example.com" }]) {
      for (const target of [tenants.bobId, id]) {
        const refused = await send("PATCH", `/users/${target}`, change, tenants.bob);
        expect(codeOf(refused)).toEqual([403, "INSUFFICIENT_PERMISSIONS"]);
      }
    }
    expect((await send("GET", `/users/${id}`, undefined, tenants.bob)).status).toBe(403);
    const token = await send("POST", "/auth/tokens", { alias: `t${n++}` });
    const asToken = `Bearer ${token.body.data.token}`;
    expect(codeOf(await send("GET", "/users", undefined, asToken))).toEqual([
      403,
      "SESSION_REQUIRED",
    ]);
  });
});

describe("a call that waits for the hash of a password", () => {
  /** Others wait before it, so that what is done meanwhile comes first. */
  async function waiting(as: string, meanwhile: () => Promise<unknown>) {
    const before = [1, 2, 3].map(() => account());
    const username = `user-${n++}`;
    const body = { username, email: `${username}@example.com`, password, is_admin: true };
    const made = send("POST", "/users", body, as);
    await meanwhile();
    const answer = await made;
    await Promise.all(before);
    const listed = await send("GET", `/users?search=${username}`);
    return [...codeOf(answer), listed.body.data.users.length];
  }

  test("makes nothing in the name of an operator who was banned meanwhile", async () => {
    const { id, session } = await account({ is_admin: true });
    const ban = () => send("PATCH", `/users/${id}`, { is_banned: true });
    expect(await waiting(session, ban)).toEqual([403, "ACCOUNT_BANNED", 0]);
  });

  test("makes nothing in the name of somebody who is no operator any more", async () => {
    const { id, session } = await account({ is_admin: true });
    const demote = () => send("PATCH", `/users/${id}`, { is_admin: false });
    expect(await waiting(session, demote)).toEqual([403, "INSUFFICIENT_PERMISSIONS", 0]);
  });

  test("makes nothing for a session that was ended meanwhile, nor for an account that is gone", async () => {
    const { id, session } = await account({ is_admin: true });
    const logout = () => send("POST", "/users/auth/logout", undefined, session);
    expect(await waiting(session, logout)).toEqual([401, "INVALID_TOKEN", 0]);
    const other = await tenants.plane.session(
      (await send("GET", `/users/${id}`)).body.data.username,
    );
    const remove = () => send("DELETE", `/users/${id}`);
    expect(await waiting(other, remove)).toEqual([401, "INVALID_TOKEN", 0]);
  });
});

describe("a ban", () => {
  test("ends sessions, tokens, Basic and refreshing at once, and letting in again only tokens", async () => {
    const { id, session, username } = await account();
    const login = (await send("POST", "/users/auth/login", { username, password })).body.data;
    const token = (await send("POST", "/auth/tokens", { alias: "t" }, session)).body.data.token;
    const ways = [
      session,
      `Bearer ${token}`,
      basic(`${username}:${password}`),
      basic(`${username}:${token}`),
    ];
    for (const as of ways) expect((await send("GET", "/users/me", undefined, as)).status).toBe(200);
    await send("PATCH", `/users/${id}`, { is_banned: true });
    for (const as of ways) {
      const refused = await send("GET", "/users/me", undefined, as);
      expect(codeOf(refused)).toEqual([403, "ACCOUNT_BANNED"]);
      expect(refused.body.message).toBe("Your account is banned");
    }
    const again = await send("POST", "/users/auth/login", { username, password });
    expect(codeOf(again)).toEqual([403, "ACCOUNT_BANNED"]);
    const guess = await send("POST", "/users/auth/login", { username, password: "wrong" });
    expect(codeOf(guess)).toEqual([401, "INVALID_CREDENTIALS"]);
    const { refreshToken } = login;
    const refreshed = await send(
      "POST",
      "/users/auth/refresh",
      { refreshToken },
      `Bearer ${refreshToken}`,
    );
    expect(codeOf(refreshed)).toEqual([403, "ACCOUNT_BANNED"]);
    await send("PATCH", `/users/${id}`, { is_banned: false });
    expect((await send("GET", "/users/me", undefined, session)).status).toBe(401);
    expect((await send("GET", "/users/me", undefined, `Bearer ${token}`)).status).toBe(200);
  });
});

describe("a project", () => {
  async function projectId(): Promise<string> {
    const made = await send("POST", "/projects", { alias: `p${n++}`, color: "#000" }, tenants.bob);
    return made.body.data.id;
  }

  test("lets somebody in by address or by name; exactly one of the three names the user", async () => {
    const id = await projectId();
    const one = await account();
    const two = await account();
    const path = `/projects/${id}/permissions`;
    const add = (who: object) =>
      send("POST", path, { ...who, permission_level: "read" }, tenants.bob);
    const email = one.body.email.toUpperCase();
    expect((await add({ email })).body.data).toMatchObject({ user_id: one.id });
    expect((await add({ username: two.username })).body.data).toMatchObject({ user_id: two.id });
    expect(codeOf(await add({}))).toEqual([400, "MISSING_REQUIRED_FIELD"]);
    expect((await add({ email, user_id: one.id })).status).toBe(422);
    expect(codeOf(await add({ email: "BOB@example.com" }))).toEqual([
      409,
      "CANNOT_GRANT_SELF_PERMISSION",
    ]);
  });

  test("does not tell for long which addresses have an account", async () => {
    const id = await projectId();
    const add = (email: string) =>
      send("POST", `/projects/${id}/permissions`, { email, permission_level: "read" }, tenants.bob);
    const codes: string[] = [];
    for (let guess = 0; guess < 22; guess++) codes.push((await add(`g${guess}@no.test`)).body.code);
    expect(codes.slice(0, 20)).toEqual(Array(20).fill("USER_NOT_FOUND"));
    expect(codes.slice(20)).toEqual(["RATE_LIMITED", "RATE_LIMITED"]);
  });

  test("shows its readers who can reach what, without secrets and without guessing for long", async () => {
    const id = await projectId();
    const reader = await account();
    const box = await send(
      "POST",
      `/projects/${id}/containers`,
      { name: `box-${n++}`, color: "#000" },
      tenants.bob,
    );
    const containerId = box.body.data.id;
    await tenants.send("PUT", `/containers/${containerId}/proxy/permissions`, {
      as: tenants.bob,
      ifMatch: "file:v0",
      body: {
        groups: { ci: { type: "token", header: "X-Key", value: "TOPSECRET" } },
        permissions: { ci: { http: true } },
        default: "deny",
      },
    });
    const invite = { user_id: reader.id, permission_level: "read" };
    const path = `/projects/${id}/permissions`;
    expect((await send("POST", path, invite, tenants.bob)).status).toBe(201);
    const access = await send(
      "GET",
      `/containers/${containerId}/proxy/access`,
      undefined,
      reader.session,
    );
    expect(access.body.data.groups).toMatchObject([
      { name: "ci", matches_by: "token in header x-key" },
    ]);
    const ask = (value: string | null) =>
      send(
        "POST",
        `/containers/${containerId}/proxy/explain`,
        {
          program: "http",
          ...(value === null ? {} : { headers: [{ name: "X-Key", value }] }),
        },
        reader.session,
      );
    const told = await ask("TOPSECRET");
    expect(told.body.data.groups).toMatchObject([{ name: "ci", matched: true }]);
    expect(access.text + (await ask("wrong")).text).not.toContain("TOPSECRET");
    for (let guess = 0; guess < 17; guess++) await ask(`guess ${guess}`);
    // An alias may lead to one secret path only.
    const atPath = (pathAndQuery: string) =>
      send(
        "POST",
        `/containers/${containerId}/proxy/explain`,
        { program: "http", path_and_query: pathAndQuery },
        reader.session,
      );
    expect((await atPath("/guess")).status).toBe(200);
    expect(codeOf(await atPath("/guess"))).toEqual([429, "RATE_LIMITED"]);
    expect(codeOf(await ask("one more"))).toEqual([429, "RATE_LIMITED"]);
    expect((await ask(null)).status).toBe(200);
    expect((await atPath("/")).status).toBe(200);
  });

  test.each([
    [["containers.read", "containers.update"], 429],
    [["containers.read", "resources.proxy_aliases"], 200],
  ])("nor does a token of the owner with %j try paths without an end", async (leaves, last) => {
    const container = await tenants.container(
      await tenants.project([], tenants.bob),
      {},
      tenants.bob,
    );
    const as = await tenants.token("bob", { leaves });
    const body = { program: "http", path_and_query: "/guess" };
    const statuses = new Set<number>();
    for (let guess = 0; guess < 21; guess++) {
      statuses.add(
        (await tenants.send("POST", `/containers/${container}/proxy/explain`, { body, as })).status,
      );
      if (guess === 19) expect([...statuses]).toEqual([200]);
    }
    expect([...statuses].at(-1)).toBe(last);
  });
});
