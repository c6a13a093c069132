// Realms and servers from outside: a realm is what something names, and each caller is told of its own.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { ListRealmsRequestSchema, RealmService } from "../../proto/gen/realmgate/v1/realms_pb.ts";
import { type Answer, Api } from "../harness/client.ts";
import { GrpcClient } from "../harness/grpc-client.ts";
import { type Program, startProgram } from "../harness/program.ts";

const password = "Correct horse 1";
const [A, B, C] = ["a".repeat(24), "b".repeat(24), "c".repeat(24)] as const;

let program: Program;
let user: Api;
let users = 0;
let tokens = 0;

beforeAll(async () => {
  const environment = { REALMGATE_SIGNUP: "on", REALMGATE_DOMAIN: "gate.test" };
  program = await startProgram({ environment });
});

afterAll(() => program[Symbol.asyncDispose]());

/** Realms are of a user: each test has its own. */
beforeEach(async () => {
  const anybody = new Api(program.urls.rest);
  const body = { email: `user${++users}@example.test`, password };
  const headers = { "x-forwarded-for": `198.51.100.${users}` };
  await anybody.data("POST", "/auth/signup", { body, headers });
  const { token } = await anybody.data("POST", "/users/auth/login", { body });
  user = as(token);
});

const as = (token: string) => new Api(program.urls.rest, `Bearer ${token}`);
const realmHost = (realm: string | null) =>
  realm === null ? {} : { headers: { host: `${realm}.api.gate.test` } };

async function project(alias: string, realm_ids: readonly string[]): Promise<string> {
  return (await user.data("POST", "/projects/", { body: { alias, realm_ids } })).id;
}

async function container(projectId: string, name: string, realm_ids: readonly string[]) {
  const body = { name, realm_ids };
  await user.data("POST", `/projects/${projectId}/containers`, { body });
}

async function token(body: object, maker = user): Promise<Api> {
  const alias = `token ${++tokens}`;
  const made = await maker.data("POST", "/auth/tokens", { body: { alias, ...body } });
  return as(made.token);
}

const realms = (api: Api, realm: string | null = null, query = ""): Promise<Answer> =>
  api.call("GET", `/realms/${query}`, realmHost(realm));

const data = async (...asked: Parameters<typeof realms>) => (await realms(...asked)).body.data;

describe("realms", () => {
  test("are told with an envelope of their own: ids in order, how many, and what they hold when asked", async () => {
    expect((await realms(user)).body).toEqual({
      statusCode: 200,
      message: "Realms retrieved successfully",
      data: { realm_ids: [], total: 0 },
    });
    const shop = await project("shop", [C, A]);
    await container(shop, "one", [A]);
    await container(shop, "two", [A, B]);
    await token({ realm_ids: [A] });
    const realm_ids = [A, B, C];
    expect(await data(user)).toEqual({ realm_ids, total: 3 });
    expect(await data(user, null, "?include_usage=false")).toEqual({ realm_ids, total: 3 });
    const none = { projects: 0, containers: 0, servers: 0, auth_tokens: 0 };
    expect(await data(user, null, "?include_usage=true")).toEqual({
      realm_ids,
      total: 3,
      usage: {
        [A]: { projects: 1, containers: 2, servers: 1, auth_tokens: 1 },
        [B]: { ...none, containers: 1, servers: 1 },
        [C]: { ...none, projects: 1 },
      },
    });
    const slashless = await user.call("GET", "/realms");
    expect(slashless.body.data).toEqual({ realm_ids, total: 3 });
  });

  test("are that of the host, or the one asked for, if anything of the caller's names it", async () => {
    await project("both", [A, B]);
    expect(await data(user, A)).toEqual({ realm_ids: [A], total: 1 });
    expect(await data(user, C)).toEqual({ realm_ids: [], total: 0 });
    expect(await data(user, null, `?realm_id=${B}`)).toEqual({ realm_ids: [B], total: 1 });
    expect(await data(user, A, `?realm_id=${A}`)).toEqual({ realm_ids: [A], total: 1 });
    expect(await data(user, A, `?realm_id=${B}`)).toEqual({ realm_ids: [], total: 0 });
    expect((await realms(user, null, "?realm_id=x")).body.code).toBe("INVALID_REALM_ID_FORMAT");
    expect((await realms(user, null, "?include_usage=1")).body.code).toBe(
      "INVALID_PARAMETER_VALUE",
    );
  });

  test("of a confined token are its own, and what it hears is the same whatever else there is", async () => {
    const permissions = { resources: { realms: true } };
    const inside = await project("inside", [A]);
    await container(inside, "one", [A]);
    const robot = await token({ realm_ids: [A, B], allow_no_realm: false, permissions });
    const before = [await realms(robot, A, "?include_usage=true"), await realms(robot, B)];
    expect(before.map(({ body }) => body.data)).toEqual([
      {
        realm_ids: [A],
        total: 1,
        usage: { [A]: { projects: 1, containers: 1, servers: 1, auth_tokens: 1 } },
      },
      { realm_ids: [B], total: 1 },
    ]);
    const outside = await project("outside", [C]);
    await container(outside, "two", [C]);
    await container(inside, "three", [C]);
    await token({ realm_ids: [C] });
    await token({ realm_ids: [A] });
    const after = [await realms(robot, A, "?include_usage=true"), await realms(robot, B)];
    expect(after.map(({ body }) => body)).toEqual(before.map(({ body }) => body));
    expect((await realms(robot, C)).body.message).toContain("not valid for realm");
    expect((await realms(robot)).body.message).toContain("requires a realm-scoped URL");
  });

  test("of a token that is not confined count itself and what it made", async () => {
    const permissions = { resources: { realms: true, create_tokens: true } };
    await token({ realm_ids: [C] });
    const robot = await token({ permissions });
    expect(await data(robot)).toEqual({ realm_ids: [], total: 0 });
    await token({ realm_ids: [B], permissions: {} }, robot);
    const none = { projects: 0, containers: 0, servers: 0 };
    expect(await data(robot, null, "?include_usage=true")).toEqual({
      realm_ids: [B],
      total: 1,
      usage: { [B]: { ...none, auth_tokens: 1 } },
    });
  });

  test("are refused with words of their own", async () => {
    const robot = await token({ permissions: { projects: { read: true } } });
    for (const [api, statusCode, error, code] of [
      [robot, 403, "PERMISSION_DENIED", "INSUFFICIENT_PERMISSIONS"],
      [as("garbage"), 401, "UNAUTHORIZED", "INVALID_TOKEN"],
      [new Api(program.urls.rest), 401, "UNAUTHORIZED", "MISSING_TOKEN"],
    ] as const) {
      expect((await realms(api)).body).toMatchObject({ statusCode, error, code });
    }
  });

  test("are the same over gRPC", async () => {
    await project("p", [A, B]);
    const { token } = await user.data("POST", "/auth/tokens", { body: { alias: "grpc" } });
    using grpc = new GrpcClient(Number(new URL(program.urls.grpc).port));
    const ask = (metadata: Record<string, string>) =>
      grpc.call(
        RealmService.method.listRealms,
        create(ListRealmsRequestSchema, { includeUsage: true }),
        { authorization: token, ...metadata },
      );
    const counts = { projects: 1, containers: 0, servers: 0, authTokens: 0 };
    expect(await ask({})).toMatchObject({
      message: { realmIds: [A, B], total: 2, usage: { [A]: counts, [B]: counts } },
    });
    expect(await ask({ "x-realm-id": A })).toMatchObject({ message: { realmIds: [A], total: 1 } });
    expect(await ask({ "x-realm-filter": B })).toMatchObject({ message: { realmIds: [B] } });
  });
});

describe("servers", () => {
  test("are told to every caller: this one is online, of others nothing is known", async () => {
    const environment = { REALMGATE_SERVER_NAME: "node-1", REALMGATE_SIGNUP: "on" };
    await using first = await startProgram({ environment });
    await first.kill();
    const domain = { REALMGATE_DOMAIN: "gate.test", REALMGATE_SERVER_NAME: "node-2" };
    const options = { dataDir: first.dataDir, environment: { ...environment, ...domain } };
    await using second = await startProgram(options);
    const anybody = new Api(second.urls.rest);
    const body = { email: "eve@example.test", password };
    await anybody.data("POST", "/auth/signup", { body });
    const { token } = await anybody.data("POST", "/users/auth/login", { body });
    const eve = new Api(second.urls.rest, `Bearer ${token}`);
    const answer = await eve.call("GET", "/servers/");
    const { servers } = answer.body.data;
    expect(answer.body).toEqual({
      statusCode: 200,
      message: "Servers retrieved successfully",
      data: {
        servers: [
          {
            id: expect.stringMatching(/^[0-9a-f]{24}$/),
            name: "node-1",
            domain: "node-1.containers.gate.test",
            status: "unknown",
            versions: [],
            heard_at: null,
            processes: 0,
            enforcing: 0,
            enforced_revision: null,
            lag: null,
            created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          },
          {
            id: expect.stringMatching(/^[0-9a-f]{24}$/),
            name: "node-2",
            domain: "node-2.containers.gate.test",
            status: "online",
            versions: [expect.any(String)],
            heard_at: null,
            processes: 1,
            enforcing: 1,
            enforced_revision: null,
            lag: null,
            created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          },
        ],
        total: 2,
      },
    });
    const rights = { realm_ids: [A], allow_no_realm: false, permissions: {} };
    const robot = await eve.data("POST", "/auth/tokens", { body: { alias: "robot", ...rights } });
    const confined = await new Api(second.urls.rest, `Bearer ${robot.token}`).call(
      "GET",
      "/servers",
      realmHost(A),
    );
    expect(confined.body.data.servers).toEqual(servers);
    expect((await anybody.call("GET", "/servers/")).status).toBe(401);
  }, 30_000);
});
