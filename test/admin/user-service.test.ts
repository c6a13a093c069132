import { afterEach, beforeEach, describe, expect, mock, spyOn, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  create,
  type DescMethod,
  type MessageInitShape,
  type MessageShape,
  toJsonString,
} from "@bufbuild/protobuf";
import type { Failure, Reply } from "../../proto/call.ts";
import { refusalOf } from "../../proto/errors.ts";
import { TokenPermissionsSchema } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import { createDispatch } from "../../src/admin/api/dispatch.ts";
import { listCursors } from "../../src/admin/api/list-cursor.ts";
import { revisionTokens } from "../../src/admin/api/revision.ts";
import { Callers } from "../../src/admin/auth/caller.ts";
import { LoginLimiter } from "../../src/admin/auth/login-limiter.ts";
import { PasswordLogin } from "../../src/admin/auth/password-login.ts";
import { permissionTree } from "../../src/admin/auth/permissions.ts";
import { Sessions } from "../../src/admin/auth/session.ts";
import { hashSecret, newSecret } from "../../src/admin/auth/token-secret.ts";
import type { User } from "../../src/admin/store/records.ts";
import { deriveKey, SecretBox } from "../../src/admin/store/sealed.ts";
import { openSqliteStore } from "../../src/admin/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/admin/store/store.ts";
import { userService } from "../../src/admin/users/user-service.ts";
import { addressPolicy } from "../../src/policy/address-policy.ts";
import { basic } from "../harness/credentials.ts";
import { plainToken } from "../harness/token-bench.ts";

const { signup, login, refresh, logout, getMe, getUser, updateUser } = UserService.method;
const master = randomBytes(32);
const start = Date.UTC(2026, 0, 1);
const password = "Correct horse 1";
/** One hash is enough for most: it costs. */
const passwordHash = await Bun.password.hash(password, "argon2id");
const email = "ada@example.test";

let clock: number;
let store: Store;
let logins: PasswordLogin;
let sessions: Sessions;
let ada: User;

beforeEach(async () => {
  clock = start;
  const now = () => clock;
  store = openSqliteStore({ path: ":memory:", box: new SecretBox(master, "documents"), now });
  logins = new PasswordLogin(store, new LoginLimiter(() => clock / 1000));
  sessions = new Sessions(() => [deriveKey(master, "sessions")], now);
  await store.createUser({ username: "ada", email, passwordHash });
  ada = await userNamed("ada");
});

afterEach(async () => {
  mock.restore();
  await store.close();
});

async function userNamed(username: string): Promise<User> {
  const user = await store.userForLogin({ username });
  if (user === null) throw new Error(`no user ${username}`);
  return user;
}

interface How {
  readonly credential?: string;
  readonly from?: string;
}

type Ask = <Method extends DescMethod>(
  method: Method,
  fields: MessageInitShape<Method["input"]>,
  how?: How,
) => Promise<Reply>;

/** The service behind its dispatch. `over`: the store, with something else in its place. */
function service({ open = true, over = {} }: { open?: boolean; over?: Partial<Store> } = {}): Ask {
  const now = () => clock;
  const part = { ...store, ...over };
  const parts = {
    store: part,
    sessions,
    logins,
    cursors: listCursors(new SecretBox(master, "cursors")),
    placement: addressPolicy(["10.0.0.0/8"]),
    explain: () => Promise.reject(new Error("nothing is explained here")),
    domain: "localhost",
    serverName: "local",
    signup: open,
    now,
  };
  const dispatch = createDispatch({
    implementations: [userService(parts)],
    store: part,
    callers: new Callers(part, sessions, logins, now),
    revisions: revisionTokens(new SecretBox(master, "revisions")),
    log: { error: ({ err }: { err?: unknown }) => console.error(err) },
  });
  return (method, fields, { credential, from = "192.0.2.1" } = {}) =>
    dispatch({
      method,
      credential: credential ?? null,
      authority: "api.localhost",
      realmId: null,
      realmFilter: null,
      ifMatch: null,
      clientAddress: from,
      requestId: "request",
      message: () => create(method.input, fields),
    });
}

const codeOf = (reply: Reply) => (reply.ok ? "ok" : refusalOf(reply.code).code);

async function made<Method extends DescMethod>(
  ask: Ask,
  method: Method,
  fields: MessageInitShape<Method["input"]>,
  how?: How,
): Promise<MessageShape<Method["output"]>> {
  const reply = await ask(method, fields, how);
  if (!reply.ok) throw new Error(codeOf(reply));
  return reply.message as MessageShape<Method["output"]>;
}

async function failure(reply: Promise<Reply>): Promise<Failure> {
  const settled = await reply;
  if (settled.ok) throw new Error("it succeeded");
  return settled;
}

/** What is wrong, as pointers. */
const at = async (reply: Promise<Reply>) =>
  (await failure(reply)).violations.map(({ instancePath }) => instancePath);

const bearer = (token: string): How => ({ credential: `Bearer ${token}` });
const loggedIn = async (user = ada) => bearer((await sessions.issue(user, "access")).token);
const refreshOf = async (user = ada) => (await sessions.issue(user, "refresh")).token;

const allProjects = { page: 1, limit: 100, sortBy: "created_at", sortOrder: "asc" } as const;

async function projectsOf({ id }: User) {
  const scope = { userId: id, realmId: null, realms: [], confinedTo: null, level: 1 as const };
  return (await store.projects(scope, allProjects)).items;
}

async function token(user: User, leaves: string[] = []): Promise<How> {
  const secret = newSecret();
  await store.createToken(
    { userId: user.id, realms: [], madeFrom: null, confinedTo: null },
    {
      ...plainToken,
      secretHash: hashSecret(secret),
      alias: secret.slice(4, 20),
      permissions: toJsonString(TokenPermissionsSchema, permissionTree(new Set(leaves))),
    },
  );
  return bearer(secret);
}

describe("signup", () => {
  const eve = { email: "Eve.Smith+x@Example.test", password };

  test("makes an account that works at once, with one project, and says nothing but the address", async () => {
    const ask = service();
    const answer = await ask(signup, eve);
    expect(answer).toMatchObject({ ok: true, revision: null, etag: null });
    expect(await made(ask, signup, { ...eve, email: "x@y" })).toMatchObject({ email: "x@y" });
    for (const name of ["eve.smith+x@example.test", "EVE.SMITH+X@EXAMPLE.TEST"]) {
      const { user } = await made(ask, login, { username: name, password });
      expect(user?.username).toMatch(/^Eve-Smith-x-[0-9a-f]{4}$/);
      expect(user).toMatchObject({ email: "eve.smith+x@example.test", isAdmin: false });
    }
    const user = await store.userForLogin({ email: eve.email });
    if (user === null) throw new Error("no account");
    expect(await made(ask, login, { username: user.username, password })).toMatchObject({});
    expect(await projectsOf(user)).toMatchObject([
      { userId: user.id, alias: "default", isDefault: true, realmIds: [], maxContainers: null },
    ]);
  });

  test("with an address that is taken is answered alike, costs a hash, and changes nothing", async () => {
    const ask = service();
    const hash = spyOn(logins, "hash");
    const revision = await store.revision();
    const taken = await ask(signup, { email: "ADA@example.test", password: "Another password 2" });
    expect(await store.revision()).toBe(revision);
    expect(hash).toHaveBeenCalledTimes(1);
    const free = await ask(signup, { email: "eve@example.test", password: "Another password 2" });
    const alike = { ...free, message: create(signup.output, { email: "ADA@example.test" }) };
    expect(taken).toEqual(alike as Reply);
    expect(await store.userById(ada.id)).toEqual(ada);
    const stolen = ask(login, { email, password: "Another password 2" });
    expect(codeOf(await stolen)).toBe("INVALID_CREDENTIALS");
  });

  test("is refused where it is not open, whatever the address", async () => {
    const ask = service({ open: false });
    for (const address of [eve.email, email]) {
      const reply = ask(signup, { ...eve, email: address });
      expect(codeOf(await reply)).toBe("REGISTRATION_DISABLED");
    }
    expect(await store.userForLogin({ email: eve.email })).toBeNull();
  });

  test.each([
    ["jane", /^jane-[0-9a-f]{4}$/],
    ["j_a-N3", /^j_a-N3-[0-9a-f]{4}$/],
    ["jane..doe", /^jane-doe-[0-9a-f]{4}$/],
    [".jane.", /^jane-[0-9a-f]{4}$/],
    ["j", /^j__-[0-9a-f]{4}$/],
    ["日本", /^___-[0-9a-f]{4}$/],
    ["x".repeat(60), /^x{45}-[0-9a-f]{4}$/],
  ])("of %s makes a name like %p", async (localPart, pattern) => {
    const names: string[] = [];
    spyOn(logins, "hash").mockResolvedValue(passwordHash);
    const createUser: Store["createUser"] = async ({ username }) => names.push(username) > 0;
    const ask = service({ over: { createUser } });
    await made(ask, signup, { email: `${localPart}@example.test`, password });
    expect(names).toEqual([expect.stringMatching(pattern)]);
    expect(names[0]).toMatch(/^[a-zA-Z0-9_-]{3,50}$/);
  });

  test("tries other names while one is taken, and stops when the address is", async () => {
    const names: string[] = [];
    spyOn(logins, "hash").mockResolvedValue(passwordHash);
    const createUser: Store["createUser"] = async ({ username }) => names.push(username) === 4;
    const ask = service({ over: { createUser } });
    await made(ask, signup, eve);
    expect(names).toHaveLength(4);
    expect(new Set(names).size).toBeGreaterThan(1);
    await made(ask, signup, { ...eve, email });
    expect(names).toHaveLength(5);
  });

  test.each([
    ["correct horse 1", "three kinds: lower, digit, other", true],
    ["CORRECTHorse1", "three kinds: upper, lower, digit", true],
    ["Straße-Öl-öäü", "three kinds, not only of ASCII", true],
    ["correct horse", "two kinds", false],
    ["123456789012", "one kind", false],
    ["Correct-hor", "11 characters", false],
    ["Ab1😀😀😀😀😀😀", "9 characters in 15 units", false],
  ])("takes %p or not: %s", async (chosen, _why, ok) => {
    spyOn(logins, "hash").mockResolvedValue(passwordHash);
    const reply = service()(signup, { ...eve, password: chosen });
    if (ok) expect(codeOf(await reply)).toBe("ok");
    else {
      expect(codeOf(await reply)).toBe("VALIDATION_ERROR");
      expect(await at(reply)).toEqual(["/password"]);
    }
  });

  test("five times an hour from one network; what is refused for itself does not count", async () => {
    spyOn(logins, "hash").mockResolvedValue(passwordHash);
    const ask = service();
    const ofNumber = (n: number) => ({ ...eve, email: `${n}@example.test` });
    const weak = await ask(signup, { ...eve, password: "password1234" });
    expect(codeOf(weak)).toBe("VALIDATION_ERROR");
    // All at once: none slips through.
    const replies = await Promise.all([1, 2, 3, 4, 5, 6].map((n) => ask(signup, ofNumber(n))));
    expect(replies.map(codeOf)).toEqual(["ok", "ok", "ok", "ok", "ok", "RATE_LIMITED"]);
    clock += 60_000;
    // A taken address learns no more than a free one.
    for (const next of [ofNumber(7), { ...eve, email }]) {
      const refused = await failure(ask(signup, next));
      expect([codeOf(refused), refused.retryAfterS]).toEqual(["RATE_LIMITED", 3540]);
    }
    expect(codeOf(await ask(signup, ofNumber(7), { from: "192.0.2.2" }))).toBe("ok");
    clock += 3_540_000;
    expect(codeOf(await ask(signup, ofNumber(8)))).toBe("ok");
  });
});

describe("login", () => {
  test("answers with a session, where it came from, and the user", async () => {
    await token(ada);
    const session = await made(service(), login, { username: "ada", password });
    const { token: access, refreshToken, user, ...rest } = session;
    expect(rest).toEqual({
      $typeName: "realmgate.v1.Session",
      expiresAt: "2026-01-02T00:00:00.000Z",
      expiresIn: 86_400,
      refreshExpiresAt: "2026-01-08T00:00:00.000Z",
      refreshExpiresIn: 604_800,
      clientIp: "192.0.2.1",
      recentLoginIps: [
        expect.objectContaining({ ip: "192.0.2.1", timestamp: "2026-01-01T00:00:00.000Z" }),
      ],
      authTokenCount: 1,
    });
    expect(user).toMatchObject({ id: ada.id, username: "ada", email, isAdmin: false });
    expect(await sessions.verify(access, "access")).toEqual({ userId: ada.id, generation: 0 });
    expect(await sessions.verify(refreshToken, "refresh")).toBeObject();
  });

  test("keeps the ten latest of the user's logins, newest first", async () => {
    await store.createUser({ username: "bob", email: "bob@example.test", passwordHash });
    for (let n = 0; n < 13; n++) {
      await store.recordLogin(ada.id, `192.0.2.${n}`);
      await store.recordLogin((await userNamed("bob")).id, "198.51.100.1");
    }
    const { recentLoginIps } = await made(service(), login, { email, password });
    const ips = recentLoginIps.map(({ ip }) => ip);
    expect(ips).toEqual([
      "192.0.2.1",
      ...[12, 11, 10, 9, 8, 7, 6, 5, 4].map((n) => `192.0.2.${n}`),
    ]);
  });

  test("tells nobody who there is", async () => {
    const ask = service();
    const wrong = await ask(login, { username: "ada", password: "wrong" });
    expect(codeOf(wrong)).toBe("INVALID_CREDENTIALS");
    for (const name of [
      { username: "eve" },
      { username: "ADA" },
      { email: "eve@example.test" },
      { username: email },
    ]) {
      expect(await ask(login, { ...name, password: "wrong" })).toEqual(wrong);
    }
    expect(await ask(login, { email, password: "x".repeat(128) })).toEqual(wrong);
    const [recent] = [await store.recentLogins(ada.id)];
    expect(recent).toEqual([]);
  });

  test.each([
    [{ password }, "MISSING_REQUIRED_FIELD", "/username"],
    [{ username: "ada" }, "MISSING_REQUIRED_FIELD", "/password"],
    [{ username: "ada", password, responseMode: "intent" }, "VALIDATION_ERROR", "/response_mode"],
  ])("of %j is refused: %s %s", async (fields, code, pointer) => {
    const reply = service()(login, fields);
    expect(codeOf(await reply)).toBe(code);
    expect(await at(reply)).toEqual([pointer]);
  });

  test("takes the longest password that an account may have, in characters", async () => {
    const longest = `Aa1${"😀".repeat(125)}`;
    const ask = service();
    await made(ask, signup, { email: "eve@example.test", password: longest });
    expect(codeOf(await ask(login, { email: "eve@example.test", password: longest }))).toBe("ok");
    const byName = { credential: basic("ada:x") };
    expect(codeOf(await ask(getMe, {}, byName))).toBe("INVALID_CREDENTIALS");
  });
});

describe("refresh", () => {
  test("answers with a new pair; both work, and the login is not counted as another", async () => {
    const ask = service();
    const old = await made(ask, login, { email, password });
    clock += 1000;
    const { refreshToken } = old;
    const next = await made(ask, refresh, { refreshToken }, bearer(refreshToken));
    expect(next.token).not.toBe(old.token);
    expect(next.refreshToken).not.toBe(refreshToken);
    expect(next.expiresAt).toBe("2026-01-02T00:00:01.000Z");
    expect(next.recentLoginIps).toEqual(old.recentLoginIps);
    expect(next.user).toEqual(old.user);
    expect(codeOf(await ask(getMe, {}, bearer(next.token)))).toBe("ok");
    const again = { refreshToken: next.refreshToken };
    expect(codeOf(await ask(refresh, again, bearer(next.refreshToken)))).toBe("ok");
  });

  const other = () => refreshOf(ada);

  test.each(["bearer ", "BEARER ", "Bearer  "])("takes %j before the token", async (scheme) => {
    const refreshToken = await other();
    const credential = `${scheme}${refreshToken}`;
    expect(codeOf(await service()(refresh, { refreshToken }, { credential }))).toBe("ok");
  });

  test.each([
    ["no Authorization", "MISSING_TOKEN", other, async () => ({})],
    ["an empty one", "MISSING_TOKEN", other, async () => ({ credential: "" })],
    ["another refresh token there", "INVALID_TOKEN", other, async () => bearer(await other())],
    ["it without its scheme", "INVALID_TOKEN", other, async (t: string) => ({ credential: t })],
    [
      "a tab for the space",
      "INVALID_TOKEN",
      other,
      async (t: string) => ({ credential: `Bearer\t${t}` }),
    ],
    ["another scheme", "INVALID_TOKEN", other, async (t: string) => ({ credential: `Basic ${t}` })],
    ["garbage in both", "INVALID_TOKEN", async () => "garbage", async (t: string) => bearer(t)],
    [
      "an access token in both",
      "INVALID_TOKEN",
      async () => (await sessions.issue(ada, "access")).token,
      async (t: string) => bearer(t),
    ],
    [
      "an auth token in both",
      "INVALID_TOKEN",
      async () => (await token(ada)).credential?.slice(7) ?? "",
      async (t: string) => bearer(t),
    ],
    [
      "a generation that is over",
      "INVALID_TOKEN",
      () => refreshOf({ ...ada, sessionGeneration: 1 }),
      async (t: string) => bearer(t),
    ],
    [
      "a user who is gone",
      "INVALID_TOKEN",
      () => refreshOf({ ...ada, id: "0".repeat(24) }),
      async (t: string) => bearer(t),
    ],
    ["nothing in the body", "MISSING_REQUIRED_FIELD", async () => "", async () => loggedIn()],
  ])("with %s: %s", async (_why, code, token, how) => {
    const refreshToken = await token();
    expect(codeOf(await service()(refresh, { refreshToken }, await how(refreshToken)))).toBe(code);
  });

  test("after its end", async () => {
    const refreshToken = await refreshOf();
    clock += 604_799_000;
    expect(codeOf(await service()(refresh, { refreshToken }, bearer(refreshToken)))).toBe("ok");
    clock += 1000;
    const late = await service()(refresh, { refreshToken }, bearer(refreshToken));
    expect(codeOf(late)).toBe("TOKEN_EXPIRED");
  });

  test("thirty times in half an hour from one network, whatever comes of it", async () => {
    const ask = service();
    const refreshToken = await refreshOf();
    for (let n = 0; n < 15; n++) {
      expect(codeOf(await ask(refresh, { refreshToken }, bearer(refreshToken)))).toBe("ok");
      expect(codeOf(await ask(refresh, { refreshToken: "x" }))).toBe("MISSING_TOKEN");
    }
    const refused = await failure(ask(refresh, { refreshToken }, bearer(refreshToken)));
    expect([codeOf(refused), refused.retryAfterS]).toEqual(["RATE_LIMITED", 1800]);
    const elsewhere = { ...bearer(refreshToken), from: "2001:db8::1" };
    expect(codeOf(await ask(refresh, { refreshToken }, elsewhere))).toBe("ok");
    clock += 1_800_000;
    expect(codeOf(await ask(refresh, { refreshToken }, bearer(refreshToken)))).toBe("ok");
  });
});

/** Whether an access and a refresh token, a token of the user's, and the password still work. */
async function working(ask: Ask, access: How, refreshToken: string, auth: How, secret: string) {
  const byName = { credential: basic(`ada:${secret}`) };
  return {
    session: codeOf(await ask(getMe, {}, access)),
    refresh: codeOf(await ask(refresh, { refreshToken }, bearer(refreshToken))),
    token: codeOf(await ask(getMe, {}, auth)),
    password: codeOf(await ask(getMe, {}, byName)),
  };
}

describe("sessions end at once, and auth tokens go on,", () => {
  const over = { session: "INVALID_TOKEN", refresh: "INVALID_TOKEN", token: "ok" } as const;

  test("with logout: all of the user's, and of nobody else", async () => {
    await store.createUser({ username: "bob", email: "bob@example.test", passwordHash });
    const ask = service();
    const [mine, mineToo] = [await loggedIn(), await loggedIn()];
    const bobs = await loggedIn(await userNamed("bob"));
    const [refreshToken, auth] = [await refreshOf(), await token(ada)];
    expect(codeOf(await ask(logout, {}, mine))).toBe("ok");
    const after = await working(ask, mineToo, refreshToken, auth, password);
    expect(after).toEqual({ ...over, password: "ok" });
    expect(codeOf(await ask(logout, {}, mine))).toBe("INVALID_TOKEN");
    expect(codeOf(await ask(getMe, {}, bobs))).toBe("ok");
  });

  test("with a new password, and the old one is none", async () => {
    const ask = service();
    const mine = await loggedIn();
    const [refreshToken, auth] = [await refreshOf(), await token(ada)];
    const change = { id: ada.id, password: "Another password 2", currentPassword: password };
    expect(codeOf(await ask(updateUser, change, mine))).toBe("ok");
    const after = await working(ask, mine, refreshToken, auth, password);
    expect(after).toEqual({ ...over, password: "INVALID_CREDENTIALS" });
    const again = await made(ask, login, { email, password: "Another password 2" });
    expect(codeOf(await ask(getMe, {}, bearer(again.token)))).toBe("ok");
  });

  test("not with any other change", async () => {
    const ask = service();
    const mine = await loggedIn();
    expect(codeOf(await ask(updateUser, { id: ada.id, alias: "Ada" }, mine))).toBe("ok");
    expect(codeOf(await ask(getMe, {}, mine))).toBe("ok");
  });

  test("and a password that was being changed meanwhile stays as it was", async () => {
    const ask = service();
    const mine = await loggedIn();
    const hash = logins.hash.bind(logins);
    spyOn(logins, "hash").mockImplementationOnce(async (chosen, attempt) => {
      await store.endSessions(ada.id);
      return hash(chosen, attempt);
    });
    const change = { id: ada.id, password: "Another password 2", currentPassword: password };
    expect(codeOf(await ask(updateUser, change, mine))).toBe("INVALID_TOKEN");
    expect((await userNamed("ada")).passwordHash).toBe(passwordHash);
  });
});

describe("an account", () => {
  const key = "AB".repeat(32);

  test("is told to a session whole, to a token without read_account without what is private", async () => {
    const ask = service();
    await store.updateUser(ada.id, 0, {
      alias: "Ada",
      publicKey: "ab".repeat(32),
      metadata: '{"a":1}',
    });
    const shown = {
      id: ada.id,
      username: "ada",
      alias: "Ada",
      publicKey: "ab".repeat(32),
      createdAt: ada.createdAt,
      updatedAt: ada.updatedAt,
    };
    const flags = { isAdmin: false, isBanned: false, emailVerified: false };
    const all = { ...shown, ...flags, email, metadata: { a: 1 }, signupMethod: "email" };
    const { id } = ada;
    const [mine, plain] = [await loggedIn(), await token(ada, ["resources.create_tokens"])];
    const reader = await token(ada, ["resources.read_account"]);
    expect(await made(ask, getMe, {}, mine)).toEqual(create(getMe.output, all));
    expect(await made(ask, getUser, { id }, mine)).toEqual(create(getUser.output, all));
    expect(await made(ask, getUser, { id }, plain)).toEqual(create(getUser.output, shown));
    expect(await made(ask, getUser, { id }, reader)).toEqual(create(getUser.output, all));
    const { authToken, ...rest } = await made(ask, getMe, {}, plain);
    expect(rest).toEqual(create(getMe.output, shown));
    expect(authToken).toMatchObject({
      token: { prefix: "hdy_", realmIds: [] },
      restrictions: { requiresRealmScope: false, allowedRealmIds: [], maxDelegationDepth: 2 },
    });
    expect(authToken?.token?.token).toBeUndefined();
  });

  test("of another user, or of nobody, is refused alike", async () => {
    await store.createUser({ username: "bob", email: "bob@example.test", passwordHash });
    const ask = service();
    const ids = [(await userNamed("bob")).id, "0".repeat(24)];
    const [mine, auth] = [await loggedIn(), await token(ada, ["resources.read_account"])];
    for (const method of [getUser, updateUser]) {
      for (const how of method === getUser ? [mine, auth] : [mine]) {
        const [one, other] = await Promise.all(ids.map((id) => ask(method, { id }, how)));
        expect(codeOf(one as Reply)).toBe("INSUFFICIENT_PERMISSIONS");
        expect(one).toEqual(other as Reply);
      }
    }
    expect(codeOf(await ask(updateUser, { id: ada.id }, auth))).toBe("SESSION_REQUIRED");
  });

  test("changes in what is sent and keeps the rest; what is named and not sent is cleared", async () => {
    const ask = service();
    const mine = await loggedIn();
    const { id } = ada;
    clock += 1000;
    const first = { id, alias: "Ada", publicKey: key, metadata: { theme: "dark" } };
    expect(await made(ask, updateUser, first, mine)).toMatchObject({
      alias: "Ada",
      publicKey: key.toLowerCase(),
      metadata: { theme: "dark" },
      updatedAt: "2026-01-01T00:00:01.000Z",
    });
    expect(await made(ask, updateUser, { id, metadata: { n: 1 } }, mine)).toMatchObject({
      alias: "Ada",
      publicKey: key.toLowerCase(),
      metadata: { n: 1 },
    });
    const updateMask = { paths: ["alias", "public_key", "metadata"] };
    const cleared = await made(ask, updateUser, { id, updateMask }, mine);
    expect(cleared).toMatchObject({ metadata: {} });
    expect([cleared.alias, cleared.publicKey]).toEqual([undefined, undefined]);
    clock += 1000;
    const same = await made(ask, updateUser, { id }, mine);
    expect(same).toEqual(cleared);
  });

  const nested = (depth: number): object => (depth === 0 ? {} : { a: nested(depth - 1) });
  const text = (bytes: number) => ({ a: "x".repeat(bytes - 8) });

  test.each([
    ["65,536 bytes", { metadata: text(65_536) }, "ok", []],
    ["a byte more", { metadata: text(65_537) }, "VALIDATION_ERROR", ["/metadata"]],
    [
      "bytes, not characters",
      { metadata: { a: "é".repeat(33_000) } },
      "VALIDATION_ERROR",
      ["/metadata"],
    ],
    ["32 levels", { metadata: nested(31) }, "ok", []],
    ["33 levels", { metadata: nested(32) }, "VALIDATION_ERROR", ["/metadata"]],
    ["no JSON", { metadata: { a: Number.NaN } }, "VALIDATION_ERROR", ["/metadata"]],
    ["an empty alias", { alias: "" }, "VALIDATION_ERROR", ["/alias"]],
    ["a long alias", { alias: "x".repeat(101) }, "VALIDATION_ERROR", ["/alias"]],
    ["a short key", { publicKey: "ab" }, "INVALID_PUBLIC_KEY_FORMAT", ["/public_key"]],
    [
      "a password alone",
      { password: "Another password 2" },
      "MISSING_REQUIRED_FIELD",
      ["/current_password"],
    ],
    [
      "a weak password",
      { password: "another password", currentPassword: password },
      "VALIDATION_ERROR",
      ["/password"],
    ],
    [
      "a wrong password",
      { password: "Another password 2", currentPassword: "wrong" },
      "INVALID_CREDENTIALS",
      [],
    ],
    [
      "a password that is named and not sent",
      { updateMask: { paths: ["password"] }, currentPassword: password },
      "VALIDATION_ERROR",
      ["/password"],
    ],
    ["a current password alone", { currentPassword: "whatever" }, "ok", []],
  ])("%s", async (_why, fields, code, pointers) => {
    const change = { alias: "kept", ...fields, id: ada.id } as MessageInitShape<
      typeof updateUser.input
    >;
    const reply = service()(updateUser, change, await loggedIn());
    expect(codeOf(await reply)).toBe(code);
    if (code !== "ok") {
      expect(await at(reply)).toEqual(pointers);
      expect(await store.userById(ada.id)).toEqual(ada);
    }
  });

  test("does not let its password be guessed faster through a session", async () => {
    const ask = service();
    const mine = await loggedIn();
    spyOn(Bun.password, "verify").mockResolvedValue(false);
    const guess = { id: ada.id, password: "Another password 2", currentPassword: "wrong" };
    for (let n = 0; n < 500; n++) {
      await ask(updateUser, guess, mine);
      await ask(login, { email, password: "wrong" });
    }
    expect(codeOf(await ask(updateUser, guess, mine))).toBe("RATE_LIMITED");
    expect(codeOf(await ask(login, { email, password }))).toBe("RATE_LIMITED");
    const elsewhere = { from: "192.0.2.2" };
    expect(codeOf(await ask(login, { email, password: "wrong" }, elsewhere))).toBe(
      "INVALID_CREDENTIALS",
    );
  });
});
