// Callers who are none, and resources that cannot be.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SignJWT } from "jose";
import { Sessions } from "../../src/admin/auth/session.ts";
import type { User } from "../../src/admin/store/records.ts";
import { deriveKey } from "../../src/admin/store/sealed.ts";
import { type Answer, Api, type Level, makePlace, type Place } from "../harness/client.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

const levels: readonly Level[] = ["projects", "containers"];

let program: Program;
let token: string;
let api: Api;
let place: Place;

beforeAll(async () => {
  program = await startProgram();
  const credentials = { username: "admin", password: adminPassword };
  const anonymous = new Api(program.urls.rest);
  ({ token } = await anonymous.data("POST", "/users/auth/login", { body: credentials }));
  api = new Api(program.urls.rest, `Bearer ${token}`);
  place = await makePlace(api, program.urls, 9);
});

afterAll(() => program[Symbol.asyncDispose]());

interface Refusal {
  readonly status: number;
  readonly code: string;
  /** Pointers of what is wrong. */
  readonly at: readonly string[];
}

const refusalOf = ({ status, body }: Answer): Refusal => ({
  status,
  code: body?.code,
  at: (body?.data ?? []).map(({ instancePath }: { instancePath: string }) => instancePath),
});

describe("projects and containers are not made of", () => {
  test.each([
    [{}, "INVALID_ALIAS_FORMAT", "/alias"],
    [{ alias: "a".repeat(101) }, "INVALID_ALIAS_FORMAT", "/alias"],
    [{ alias: "a", color: "red" }, "INVALID_COLOR_FORMAT", "/color"],
    [{ alias: "a", max_containers: -1 }, "INVALID_QUOTA_VALUE", "/max_containers"],
    [{ alias: "a", realm_ids: ["x"] }, "INVALID_REALM_ID_FORMAT", "/realm_ids"],
    [{ alias: "a", max_containers: "1" }, "VALIDATION_ERROR", "/max_containers"],
    [{ alias: "a", user_id: "x" }, "VALIDATION_ERROR", "/user_id"],
  ])("%j", async (body, code, at) => {
    const total = async () => (await api.data("GET", "/projects")).pagination.total;
    const before = await total();
    const status = code === "VALIDATION_ERROR" ? 422 : 400;
    expect(refusalOf(await api.call("POST", "/projects/", { body }))).toEqual({
      status,
      code,
      at: [at],
    });
    expect(await total()).toBe(before);
  });

  test.each([
    [{ name: "a.b" }, "INVALID_CONTAINER_NAME", "/name"],
    [{ address: "8.8.8.8" }, "INVALID_UPSTREAM", "/address"],
    [{ address: "169.254.169.254" }, "INVALID_UPSTREAM", "/address"],
    [{ address: "010.0.0.1" }, "INVALID_UPSTREAM", "/address"],
    [{ address: "localhost" }, "INVALID_UPSTREAM", "/address"],
    [{ programs: { files: { port: 0 } } }, "INVALID_UPSTREAM", "/programs/files/port"],
    [{ programs: { files: { port: 65_536 } } }, "INVALID_UPSTREAM", "/programs/files/port"],
    [{ programs: { http: { port: 80 } } }, "INVALID_UPSTREAM", "/programs/http"],
    [{ programs: { "A/B": { port: 80 } } }, "INVALID_UPSTREAM", "/programs/A~1B"],
    [{ server_id: "x" }, "INVALID_ID_FORMAT", "/server_id"],
    [{ hostname: "x" }, "VALIDATION_ERROR", "/hostname"],
  ])("%j", async (body, code, at) => {
    const path = `/projects/${place.projectId}/containers`;
    const total = async () => (await api.data("GET", path)).pagination.total;
    const before = await total();
    const status = code === "VALIDATION_ERROR" ? 422 : 400;
    expect(refusalOf(await api.call("POST", path, { body }))).toEqual({ status, code, at: [at] });
    expect(await total()).toBe(before);
  });
});

describe("a session", () => {
  /** The key that the running program signs sessions with. */
  function sessionKey(): Buffer {
    const text = readFileSync(join(program.dataDir, "secret.key"), "utf8").trim();
    return deriveKey(Buffer.from(text, "base64"), "sessions");
  }

  /** A read and a write with this credential; both are refused so, and nothing was written. */
  async function stranger(authorization: string | null, code: string): Promise<void> {
    const other = new Api(program.urls.rest, authorization);
    for (const level of levels) {
      const target = level === "projects" ? place.project : place.container;
      const before = await target.get();
      const headers = { "if-match": before.etag };
      for (const answer of [
        await other.call("GET", target.path),
        await other.call("DELETE", target.path, { headers }),
        await other.call("PUT", target.path, { headers, body: "{" }),
        await other.call("GET", `/${level}/${"0".repeat(24)}`),
      ]) {
        expect(refusalOf(answer)).toEqual({ status: 401, code, at: [] });
        expect(answer.body).toMatchObject({ statusCode: 401, error: "Unauthorized" });
      }
      expect(await target.get()).toEqual(before);
    }
  }

  const me = async (): Promise<User> => {
    const { id, username } = await api.data("GET", "/users/me");
    const unseen = { email: null, alias: null, publicKey: null, metadata: "{}" };
    const rest = { ...unseen, passwordHash: "", createdAt: "", updatedAt: "" };
    return { id, username, isAdmin: true, isBanned: false, sessionGeneration: 0, ...rest };
  };
  const bearer = async (sessions: Sessions, user: User) =>
    `Bearer ${(await sessions.issue(user, "access")).token}`;

  test("must be there", () => stranger(null, "MISSING_TOKEN"));

  test("signed here and now is taken: what follows is refused for its own fault", async () => {
    const good = new Api(
      program.urls.rest,
      await bearer(new Sessions(() => [sessionKey()], Date.now), await me()),
    );
    expect((await good.call("GET", "/users/me")).status).toBe(200);
  });

  test.each([
    ["Bearer", "no token"],
    ["Bearer garbage", "garbage"],
    ["Bearer a.b.c", "garbage in three parts"],
    ["Bearer null", "null"],
    ["Basic YWRtaW4=", "a name without a password"],
    ["Basic !", "no base64"],
    ["Token abc", "a scheme nobody knows"],
  ])("is not %j: %s", async (authorization) => {
    await stranger(authorization, "INVALID_TOKEN");
  });

  test("is sent as Bearer in any case, one or more spaces, token", async () => {
    for (const authorization of [`bearer ${token}`, `BEARER  ${token}`]) {
      const good = new Api(program.urls.rest, authorization);
      expect((await good.call("GET", "/users/me")).status).toBe(200);
    }
    for (const authorization of [
      token,
      `Bearer\t${token}`,
      `Bearer Bearer ${token}`,
      `Bearer ${token}, Bearer x`,
    ]) {
      await stranger(authorization, "INVALID_TOKEN");
    }
  });

  test("ends", async () => {
    const past = new Sessions(
      () => [sessionKey()],
      () => Date.now() - 86_401_000,
    );
    await stranger(await bearer(past, await me()), "TOKEN_EXPIRED");
  });

  test("is for this API and no other", async () => {
    const { id } = await me();
    const signed = (audience: string) =>
      new SignJWT({ gen: 0 })
        .setProtectedHeader({ alg: "HS256" })
        .setSubject(id)
        .setAudience(audience)
        .setExpirationTime("1h")
        .sign(sessionKey());
    for (const audience of ["realmgate:refresh", "realmgate", "other"]) {
      await stranger(`Bearer ${await signed(audience)}`, "INVALID_TOKEN");
    }
    const good = new Api(program.urls.rest, `Bearer ${await signed("realmgate:access")}`);
    expect((await good.call("GET", "/users/me")).status).toBe(200);
  });

  test("is of a user that is there, and of the present generation", async () => {
    const user = await me();
    const sessions = new Sessions(() => [sessionKey()], Date.now);
    await stranger(await bearer(sessions, { ...user, id: "0".repeat(24) }), "INVALID_TOKEN");
    await stranger(await bearer(sessions, { ...user, sessionGeneration: 1 }), "INVALID_TOKEN");
  });

  test("is signed with our key and algorithm", async () => {
    await stranger(
      await bearer(new Sessions(() => [randomBytes(32)], Date.now), await me()),
      "INVALID_TOKEN",
    );
    const [header = "", payload = "", signature = ""] = token.split(".");
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const unsigned = encode({ alg: "none", typ: "JWT" });
    const hs512 = encode({ alg: "HS512", typ: "JWT" });
    const signed = createHmac("sha512", sessionKey())
      .update(`${hs512}.${payload}`)
      .digest("base64url");
    for (const forged of [
      `${unsigned}.${payload}.`,
      `${unsigned}.${payload}.${signature}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${hs512}.${payload}.${signed}`,
    ]) {
      await stranger(`Bearer ${forged}`, "INVALID_TOKEN");
    }
  });

  test.each([
    [{ username: "admin", password: "wrong wrong" }, 401, "INVALID_CREDENTIALS"],
    [{ username: "nobody", password: adminPassword }, 401, "INVALID_CREDENTIALS"],
    [{ username: "ADMIN", password: adminPassword }, 401, "INVALID_CREDENTIALS"],
    [{ username: "admin" }, 400, "MISSING_REQUIRED_FIELD"],
    [{ username: "admin", password: "" }, 400, "MISSING_REQUIRED_FIELD"],
    [{ password: adminPassword }, 400, "MISSING_REQUIRED_FIELD"],
    [{ username: ["admin"], password: adminPassword }, 422, "VALIDATION_ERROR"],
    [{ username: "admin", password: adminPassword, admin: true }, 422, "VALIDATION_ERROR"],
  ])("is not given for %j", async (body, status, code) => {
    const answer = await new Api(program.urls.rest).call("POST", "/users/auth/login", { body });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(JSON.stringify(answer.body)).not.toContain(adminPassword);
  });
});
