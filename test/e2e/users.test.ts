// Accounts and sessions from outside: what a stranger can do and learn, and when a session is over.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import { Api, type CallOptions } from "../harness/client.ts";
import { basic } from "../harness/credentials.ts";
import { GrpcClient } from "../harness/grpc-client.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

const password = "Correct horse 1";
const anotherPassword = "Another password 2";

let program: Program;
let anybody: Api;
let grpc: GrpcClient;

beforeAll(async () => {
  program = await startProgram({ environment: { REALMGATE_SIGNUP: "on" } });
  anybody = new Api(program.urls.rest);
  grpc = new GrpcClient(Number(new URL(program.urls.grpc).port));
});

afterAll(async () => {
  grpc[Symbol.dispose]();
  await program[Symbol.asyncDispose]();
});

let networks = 0;

/** Of a network that nobody else comes from: signing up is rationed. */
const fromElsewhere = () => ({ "x-forwarded-for": `198.51.100.${++networks}` });

interface Account {
  readonly id: string;
  readonly email: string;
  readonly username: string;
}

async function newAccount(): Promise<Account> {
  const email = `user${++networks}@example.test`;
  const body = { email, password };
  await anybody.data("POST", "/auth/signup", { body, headers: fromElsewhere() });
  const { user } = await anybody.data("POST", "/users/auth/login", { body });
  return { id: user.id, email, username: user.username };
}

const login = (body: unknown) => anybody.data("POST", "/users/auth/login", { body });
const as = (token: string) => new Api(program.urls.rest, `Bearer ${token}`);

/** How a credential fares over both transports; their codes. */
async function fate(token: string): Promise<readonly [rest: string, grpc: string]> {
  const rest = await as(token).call("GET", "/users/me");
  const metadata = { authorization: `Bearer ${token}` };
  const other = await grpc.call(UserService.method.getMe, create(EmptySchema), metadata);
  return [rest.body.code ?? `${rest.status}`, other.ok ? "200" : other.code];
}

async function refreshed(refreshToken: string, authorization = `Bearer ${refreshToken}`) {
  const headers = { authorization };
  return anybody.call("POST", "/users/auth/refresh", { body: { refreshToken }, headers });
}

describe("a session is over at once over REST and gRPC alike", () => {
  test.each([
    ["logout over REST", (token: string) => as(token).data("POST", "/users/auth/logout")],
    [
      "logout over gRPC",
      async (token: string) => {
        const metadata = { authorization: `Bearer ${token}` };
        const answer = await grpc.call(UserService.method.logout, create(EmptySchema), metadata);
        expect(answer.ok).toBeTrue();
      },
    ],
    [
      "a new password",
      async (token: string, { id }: Account) => {
        const body = { password: anotherPassword, current_password: password };
        await as(token).data("PUT", `/users/${id}`, { body });
      },
    ],
  ])("after %s, all of the user's and nobody else's", async (_how, end) => {
    const [account, other] = [await newAccount(), await newAccount()];
    const credentials = { email: account.email, password };
    const [here, there] = [await login(credentials), await login(credentials)];
    const others = await login({ email: other.email, password });
    const body = { alias: "robot", allow_no_realm: true };
    const robot = await as(here.token).data("POST", "/auth/tokens", { body });
    for (const { token } of [here, there, others, robot]) {
      expect(await fate(token)).toEqual(["200", "200"]);
    }
    await end(here.token, account);
    for (const { token, refreshToken } of [here, there]) {
      expect(await fate(token)).toEqual(["INVALID_TOKEN", "INVALID_TOKEN"]);
      expect(await refreshed(refreshToken)).toMatchObject({ status: 401 });
    }
    expect(await fate(others.token)).toEqual(["200", "200"]);
    expect(await fate(robot.token)).toEqual(["200", "200"]);
  });

  test("and stays over after a crash", async () => {
    await using first = await startProgram();
    const body = { username: "admin", password: adminPassword };
    const session = () => new Api(first.urls.rest).data("POST", "/users/auth/login", { body });
    const over = await session();
    await new Api(first.urls.rest, `Bearer ${over.token}`).data("POST", "/users/auth/logout");
    const open = await session();
    await first.kill();
    await using second = await startProgram({ dataDir: first.dataDir });
    const status = async ({ token }: { token: string }) =>
      (await new Api(second.urls.rest, `Bearer ${token}`).call("GET", "/users/me")).status;
    expect([await status(over), await status(open)]).toEqual([401, 200]);
  }, 30_000);
});

describe("nobody learns who has an account", () => {
  /** Status, headers and body, but for what names this one call. */
  async function whole(path: string, options: CallOptions) {
    const { status, headers, body } = await anybody.call("POST", path, options);
    const kept = [...headers].filter(([name]) => name !== "x-request-id" && name !== "date");
    return { status, headers: kept.sort(), body };
  }

  test("from a login that fails", async () => {
    const { email, username } = await newAccount();
    const wrong = "Wrong password 1";
    const answers = [];
    for (const name of [
      { username },
      { email },
      { username: email },
      { username: "nobody" },
      { email: "nobody@example.test" },
    ]) {
      answers.push(await whole("/users/auth/login", { body: { ...name, password: wrong } }));
    }
    const stranger = basic(`nobody:${wrong}`);
    const refused = await new Api(program.urls.rest, stranger).call("GET", "/users/me");
    for (const each of answers) expect(each).toEqual(answers[0] as (typeof answers)[number]);
    expect(answers[0]?.body).toEqual({
      statusCode: 401,
      error: "Unauthorized",
      message: "Invalid email or password",
      code: "INVALID_CREDENTIALS",
    });
    expect(refused.body).toEqual(answers[0]?.body);
  });

  test("from a signup: an address that is taken is answered as one that is free", async () => {
    const { email } = await newAccount();
    const sign = (address: string) =>
      whole("/auth/signup", {
        body: { email: address, password: anotherPassword },
        headers: fromElsewhere(),
      });
    // Addresses of one length, so that the bodies differ in it alone.
    const free = await sign(email.replace("user", "free"));
    const taken = await sign(email);
    expect(taken).toEqual({ ...free, body: { ...free.body, data: { email } } });
    expect(taken.body).toMatchObject({ statusCode: 200, data: { email } });
    await login({ email, password });
    const stolen = await anybody.call("POST", "/users/auth/login", {
      body: { email, password: anotherPassword },
    });
    expect(stolen.status).toBe(401);
  });

  test("from an account's id", async () => {
    const [mine, other] = [await newAccount(), await newAccount()];
    const { token } = await login({ email: mine.email, password });
    for (const [method, body] of [
      ["GET", undefined],
      ["PUT", { alias: "x" }],
      ["PATCH", { alias: "x" }],
    ] as const) {
      const ask = (id: string) =>
        as(token).call(method, `/users/${id}`, body === undefined ? {} : { body });
      const [known, unknown] = [await ask(other.id), await ask("0".repeat(24))];
      expect(known.status).toBe(403);
      expect(known.body).toEqual(unknown.body);
    }
  });
});

describe("signup", () => {
  test("is off unless it was opened", async () => {
    await using closed = await startProgram();
    const body = { email: "eve@example.test", password };
    const answer = await new Api(closed.urls.rest).call("POST", "/auth/signup", { body });
    expect(answer.body).toMatchObject({ statusCode: 403, code: "REGISTRATION_DISABLED" });
    const attempt = await new Api(closed.urls.rest).call("POST", "/users/auth/login", { body });
    expect(attempt.status).toBe(401);
  }, 30_000);

  test("makes an account with a project that cannot be told from others but by its flag", async () => {
    const { email } = await newAccount();
    const { token } = await login({ email, password });
    const { projects, pagination } = await as(token).data("GET", "/projects/");
    expect(pagination.total).toBe(1);
    expect(projects).toMatchObject([{ alias: "default", is_default: true, realm_ids: [] }]);
    expect((await as(token).data("GET", "/users/me")).is_admin).toBeFalse();
  });

  test("names what is wrong with a password or an address", async () => {
    for (const [body, pointer] of [
      [{ email: "eve@example.test", password: "Short 1" }, "/password"],
      [{ email: "eve@example.test", password: "no digits here" }, "/password"],
      [{ email: "eve", password }, "/email"],
      [{ password }, "/email"],
      [{ email: "eve@example.test", password, region: "EU" }, "/region"],
      [{ email: "eve@example.test", password, is_admin: true }, "/is_admin"],
    ] as const) {
      const answer = await anybody.call("POST", "/auth/signup", { body });
      expect(answer.body).toMatchObject({ statusCode: 422, code: "VALIDATION_ERROR" });
      expect(answer.body.data).toMatchObject([{ instancePath: pointer }]);
    }
  });

  test("is rationed to five an hour from one network, and says when to come back", async () => {
    const headers = { "x-forwarded-for": "2001:db8::1" };
    const sign = (n: number, from = headers) => {
      const body = { email: `many${n}@example.test`, password };
      return anybody.call("POST", "/auth/signup", { body, headers: from });
    };
    for (let n = 0; n < 5; n++) expect((await sign(n)).status).toBe(200);
    const refused = await sign(5, { "x-forwarded-for": "2001:db8::2" });
    expect(refused.body).toMatchObject({ statusCode: 429, code: "RATE_LIMITED" });
    const wait = Number(refused.headers.get("retry-after"));
    expect(wait).toBeGreaterThan(3500);
    expect(wait).toBeLessThanOrEqual(3600);
    expect((await sign(6, { "x-forwarded-for": "2001:db8:0:1::1" })).status).toBe(200);
  });
});

describe("a login", () => {
  test("answers with what clients expect", async () => {
    const { email, id, username } = await newAccount();
    const headers = { "x-forwarded-for": "203.0.113.9" };
    const body = { email, password, client: "web", response_mode: "tokens" };
    const answer = await anybody.call("POST", "/users/auth/login", { body, headers });
    const { data } = answer.body;
    expect(answer.body).toMatchObject({ statusCode: 200, message: "Login successful" });
    expect(data).toMatchObject({
      expires_in: 86_400,
      refresh_expires_in: 604_800,
      client_ip: "203.0.113.9",
      auth_token_count: 0,
      user: { id, username, email, alias: null, public_key: null, metadata: {}, is_admin: false },
    });
    expect(data.token).not.toBe(data.refreshToken);
    const life = Date.parse(data.refresh_expires_at) - Date.parse(data.expires_at);
    expect(life).toBe((604_800 - 86_400) * 1000);
    expect(data.recent_login_ips).toHaveLength(2);
    expect(data.recent_login_ips[0]).toMatchObject({ ip: "203.0.113.9" });
    for (const at of [data.expires_at, data.recent_login_ips[0].timestamp]) {
      expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
  });

  test("is renewed only with the refresh token in both places", async () => {
    const { email } = await newAccount();
    const { token, refreshToken } = await login({ email, password });
    const next = await refreshed(refreshToken);
    expect(next.body).toMatchObject({ statusCode: 200, data: { expires_in: 86_400 } });
    expect(await fate(next.body.data.token)).toEqual(["200", "200"]);
    expect(await fate(refreshToken)).toEqual(["INVALID_TOKEN", "INVALID_TOKEN"]);
    for (const [body, authorization] of [
      [refreshToken, `Bearer ${token}`],
      [token, `Bearer ${refreshToken}`],
      [token, `Bearer ${token}`],
      [refreshToken, refreshToken],
    ] as const) {
      expect((await refreshed(body, authorization)).body.code).toBe("INVALID_TOKEN");
    }
    const body = { refreshToken };
    const bare = await anybody.call("POST", "/users/auth/refresh", { body });
    expect(bare.body).toMatchObject({ statusCode: 401, code: "MISSING_TOKEN" });
  });
});

describe("an account", () => {
  test("is read at three addresses, alike", async () => {
    const { email, id } = await newAccount();
    const { token, user } = await login({ email, password });
    for (const path of ["/users/me", "/users/auth/me", `/users/${id}`]) {
      expect(await as(token).data("GET", path)).toEqual(user);
    }
  });

  test("shows a token without read_account six fields, and itself", async () => {
    const { email, id } = await newAccount();
    const { token } = await login({ email, password });
    const permissions = { resources: { create_tokens: true } };
    const body = { alias: "robot", permissions };
    const robot = await as(token).data("POST", "/auth/tokens", { body });
    // Its first use is noted in itself from the second on.
    await as(robot.token).data("GET", "/users/me");
    const { auth_token, ...me } = await as(robot.token).data("GET", "/users/me");
    const six = ["alias", "created_at", "id", "public_key", "updated_at", "username"];
    expect(Object.keys(me).sort()).toEqual(six);
    expect(await as(robot.token).data("GET", `/users/${id}`)).toEqual(me);
    expect(auth_token).toEqual(await as(robot.token).data("GET", "/auth/tokens/me"));
    expect(JSON.stringify(auth_token)).not.toContain(robot.token);
    const change = await as(robot.token).call("PUT", `/users/${id}`, { body: { alias: "x" } });
    expect(change.status).toBe(403);
  });

  test("changes in what is sent; null takes away; nothing else is touched", async () => {
    const { email, id } = await newAccount();
    const { token, user } = await login({ email, password });
    const put = (body: unknown) => as(token).data("PUT", `/users/${id}`, { body });
    const public_key = "ab".repeat(32);
    const metadata = { theme: { dark: true }, list: [1, null, "x"] };
    const { updated_at, ...full } = await put({ alias: "Eve", public_key, metadata });
    const { updated_at: before, ...same } = user;
    expect(full).toEqual({ ...same, alias: "Eve", public_key, metadata });
    expect(Date.parse(updated_at)).toBeGreaterThanOrEqual(Date.parse(before));
    expect(await put({ alias: null })).toMatchObject({ alias: null, public_key, metadata });
    expect(await put({ public_key: null, metadata: {} })).toMatchObject({
      public_key: null,
      metadata: {},
    });
    const patched = await as(token).data("PATCH", `/users/${id}`, { body: { alias: "E" } });
    expect(await as(token).data("GET", "/users/me")).toEqual(patched);
  });

  test.each([
    [{ password: anotherPassword }, 400, "MISSING_REQUIRED_FIELD"],
    [{ password: anotherPassword, current_password: "wrong" }, 401, "INVALID_CREDENTIALS"],
    [{ password: "weak weak weak", current_password: password }, 422, "VALIDATION_ERROR"],
    [{ metadata: { a: "x".repeat(65_536) } }, 422, "VALIDATION_ERROR"],
    [{ metadata: null }, 422, "VALIDATION_ERROR"],
    [{ public_key: "xyz" }, 400, "INVALID_PUBLIC_KEY_FORMAT"],
    [{ username: "root" }, 403, "INSUFFICIENT_PERMISSIONS"],
    [{ email: "root@example.test" }, 403, "INSUFFICIENT_PERMISSIONS"],
    [{ is_admin: true }, 403, "INSUFFICIENT_PERMISSIONS"],
  ])("does not take %j", async (change, status, code) => {
    const { email, id } = await newAccount();
    const { token, user } = await login({ email, password });
    const body = { alias: "x", ...change };
    const answer = await as(token).call("PUT", `/users/${id}`, { body });
    expect(answer.body).toMatchObject({ statusCode: status, code });
    expect(await as(token).data("GET", "/users/me")).toEqual(user);
  });
});
