import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { create, type DescMethod, type DescService, toJsonString } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { ApiError, type Call, type Reply } from "../../proto/call.ts";
import { refusalOf } from "../../proto/errors.ts";
import {
  ContainerService,
  CreateContainerRequestSchema,
} from "../../proto/gen/realmgate/v1/containers_pb.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import {
  DeletePermissionsRequestSchema,
  PermissionDocumentSchema,
  ProjectPermissionsService,
  ReplacePermissionsRequestSchema,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import {
  CreateProjectRequestSchema,
  GetProjectRequestSchema,
  ProjectSchema,
  ProjectService,
  UpdateProjectRequestSchema,
} from "../../proto/gen/realmgate/v1/projects_pb.ts";
import { TokenPermissionsSchema, TokenService } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { LoginRequestSchema, UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import { CallWork } from "../../src/admin/api/call-budget.ts";
import {
  type Context,
  changeLimit,
  createDispatch,
  type Implementation,
} from "../../src/admin/api/dispatch.ts";
import { revisionTokens } from "../../src/admin/api/revision.ts";
import { Callers } from "../../src/admin/auth/caller.ts";
import { LoginLimiter } from "../../src/admin/auth/login-limiter.ts";
import { PasswordLogin } from "../../src/admin/auth/password-login.ts";
import { allPermissions, permissionTree } from "../../src/admin/auth/permissions.ts";
import { Sessions } from "../../src/admin/auth/session.ts";
import { hashSecret, newSecret } from "../../src/admin/auth/token-secret.ts";
import { EVERY_EVENT } from "../../src/admin/store/event-records.ts";
import type { NewToken, Scope, User } from "../../src/admin/store/records.ts";
import { deriveKey, SecretBox } from "../../src/admin/store/sealed.ts";
import { openSqliteStore } from "../../src/admin/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/admin/store/store.ts";
import { StoreUnavailable, WriteOutcomeUnknown } from "../../src/admin/store/store-errors.ts";
import { basic } from "../harness/credentials.ts";
import { plainToken } from "../harness/token-bench.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const nowhere = "0".repeat(24);
const master = randomBytes(32);
const revisions = revisionTokens(new SecretBox(master, "revisions"));
const now = () => clock;
let clock = Date.UTC(2026, 0, 1);
const sessions = new Sessions(() => [deriveKey(master, "sessions")], now);
const logged: object[] = [];

let store: Store;
let callers: Callers;
/** The first user, an operator, and another one. */
let ada: User;
let bob: User;
let session: string;

async function userNamed(username: string): Promise<User> {
  const user = await store.userForLogin({ username });
  if (user === null) throw new Error(`${username} was not stored`);
  return user;
}

beforeAll(async () => {
  store = openSqliteStore({ path: ":memory:", box: new SecretBox(master, "documents"), now });
  const logins = new PasswordLogin(store, new LoginLimiter(() => clock / 1000));
  callers = new Callers(store, sessions, logins, now);
  const passwordHash = await Bun.password.hash("a password", "argon2id");
  await store.createFirstUser({ username: "ada", passwordHash });
  await store.createUser({ username: "bob", email: "bob@example.test", passwordHash });
  [ada, bob] = [await userNamed("ada"), await userNamed("bob")];
  session = await sessionOf(ada);
});

afterAll(() => store.close());

const sessionOf = async (user: User) => `Bearer ${(await sessions.issue(user, "access")).token}`;

const wide = (userId: string): Scope => ({
  userId,
  realmId: null,
  realms: [],
  confinedTo: null,
  level: ProjectLevel.READ,
});

let tokens = 0;

/** A token of a user's; one that may do everything anywhere unless said otherwise. Its `Authorization`. */
async function token(
  fields: Partial<NewToken> & { leaves?: Iterable<string>; user?: User } = {},
): Promise<string> {
  const { leaves = allPermissions, user = ada, ...rest } = fields;
  const secret = newSecret();
  const writer = { ...wide(user.id), madeFrom: null };
  const made = await store.createToken(writer, {
    ...plainToken,
    alias: `token ${++tokens}`,
    permissions: toJsonString(TokenPermissionsSchema, permissionTree(new Set(leaves))),
    ...rest,
    secretHash: hashSecret(secret),
  });
  if (typeof made === "string") throw new Error(made);
  return `Bearer ${secret}`;
}

async function project(realmIds: string[] = [], owner = ada): Promise<string> {
  const fields = { alias: `p${++tokens}`, color: "#000", maxContainers: null, realmIds };
  const made = await store.createProject(wide(owner.id), fields);
  if (made === "duplicate") throw new Error(made);
  return made.project.id;
}

/** What every method of every service does in a test. */
type Handler = (message: unknown, context: Context) => ReturnType<Implementation["methods"][""]>;

const services = [
  ProjectService,
  ContainerService,
  ProjectPermissionsService,
  TokenService,
  UserService,
] as const;

function dispatchWith(handler: Handler) {
  const implement = (service: DescService): Implementation => ({
    service,
    methods: Object.fromEntries(service.methods.map(({ localName }) => [localName, handler])),
  });
  const log = { error: (fields: object) => logged.push(fields) };
  const implementations = services.map(implement);
  return createDispatch({ implementations, store, callers, revisions, log });
}

const { getProject, createProject, updateProject } = ProjectService.method;
const { createContainer, setUpstream } = ContainerService.method;

function call(method: DescMethod, fields: Partial<Call> = {}): Call {
  return {
    method,
    credential: session,
    authority: "api.localhost",
    realmId: null,
    realmFilter: null,
    ifMatch: null,
    clientAddress: "127.0.0.1",
    requestId: "request-1",
    message: () => create(method.input),
    ...fields,
  };
}

const getProjectOf = (id: string) => () => create(GetProjectRequestSchema, { id });
const answers: Handler = async () => ({ message: create(EmptySchema) });
const codeOf = (reply: Reply) => (reply.ok ? "ok" : refusalOf(reply.code).code);
const outcome = async (sent: Call, handler = answers) => codeOf(await dispatchWith(handler)(sent));
const host = (realmId: string) => `${realmId}.api.localhost`;

/** What a method was given; the call has to reach it. */
async function contextOf(sent: Call): Promise<Context> {
  const seen: Context[] = [];
  const reply = await dispatchWith(async (message, context) => {
    seen.push(context);
    return answers(message, context);
  })(sent);
  const [context] = seen;
  if (context === undefined) throw new Error(codeOf(reply));
  return context;
}

const unread = () => {
  throw new Error("the message was read");
};

test("a question whether a caller is identified ends before the message, and does nothing", async () => {
  const nothing: Handler = async () => {
    throw new Error("the method ran");
  };
  const asked = { identifiesOnly: true, message: unread };
  expect(await outcome(call(createProject, asked), nothing)).toBe("ok");
  const login = UserService.method.login;
  expect(await outcome(call(login, { ...asked, credential: null }), nothing)).toBe("ok");
  const confined = await token({ realmIds: [A], leaves: [] });
  for (const [credential, code] of [
    [null, "MISSING_TOKEN"],
    ["Bearer hdy_nobody", "INVALID_TOKEN"],
    [confined, "REALM_SCOPE_REQUIRED"],
  ] as const) {
    expect(await outcome(call(createProject, { ...asked, credential }), nothing)).toBe(code);
  }
});

test("a call with everything wrong is told of host, credential, realm, leaf, filter, message, resource, in this order", async () => {
  const id = await project([A]);
  const confined = await token({ realmIds: [A], leaves: [] });
  let sent = call(getProject, { authority: "a/b", credential: null, realmFilter: "x" });
  sent = { ...sent, message: unread };
  const handler: Handler = async () => {
    throw new ApiError(ErrorCode.GROUP_IN_USE);
  };
  const mends: (Partial<Call> & { tells: string })[] = [
    { tells: "INVALID_HOST" },
    { tells: "MISSING_TOKEN", authority: "api.localhost" },
    { tells: "INVALID_TOKEN", credential: "Bearer hdy_nobody" },
    { tells: "REALM_SCOPE_REQUIRED", credential: confined },
    { tells: "REALM_NOT_ALLOWED", authority: host(B) },
    { tells: "INSUFFICIENT_PERMISSIONS", authority: host(A) },
    {
      tells: "INVALID_REALM_ID_FORMAT",
      credential: await token({ realmIds: [A], leaves: ["projects.read"] }),
    },
    { tells: "INVALID_ID_FORMAT", realmFilter: A, message: getProjectOf("x") },
    { tells: "PROJECT_NOT_FOUND", message: getProjectOf(nowhere) },
    { tells: "GROUP_IN_USE", message: getProjectOf(id) },
  ];
  const told = [];
  for (const { tells: _, ...mend } of mends) {
    sent = { ...sent, ...mend };
    told.push(await outcome(sent, handler));
  }
  expect(told).toEqual(mends.map(({ tells }) => tells));
});

describe("who is calling is settled before what is said is read", () => {
  test.each([
    ["no credential", null, "MISSING_TOKEN"],
    ["an empty one", "", "MISSING_TOKEN"],
    ["no token", "Bearer ", "INVALID_TOKEN"],
    ["garbage", "Bearer garbage", "INVALID_TOKEN"],
    ["two credentials", "Bearer a, Bearer b", "INVALID_TOKEN"],
    ["another scheme", "Digest a", "INVALID_TOKEN"],
    ["a session without its scheme", "a.b.c", "INVALID_TOKEN"],
    ["Basic without a colon", basic("ada"), "INVALID_TOKEN"],
    ["Basic with a wrong password", basic("ada:wrong"), "INVALID_CREDENTIALS"],
    ["Basic with a user who is none", basic("eve:a password"), "INVALID_CREDENTIALS"],
  ])("%s", async (_why, credential, code) => {
    expect(await outcome(call(getProject, { credential, message: unread }))).toBe(code);
  });

  test("a session that ended", async () => {
    clock += 2 * 86_400_000;
    expect(await outcome(call(getProject, { message: unread }))).toBe("TOKEN_EXPIRED");
    clock -= 2 * 86_400_000;
  });

  test("a refresh token", async () => {
    const credential = `Bearer ${(await sessions.issue(ada, "refresh")).token}`;
    expect(await outcome(call(getProject, { credential, message: unread }))).toBe("INVALID_TOKEN");
  });

  test.each([
    ["a generation that is over", { sessionGeneration: 1 }],
    ["a user that is gone", { id: nowhere }],
  ])("%s", async (_why, change) => {
    const credential = await sessionOf({ ...ada, ...change });
    expect(await outcome(call(getProject, { credential, message: unread }))).toBe("INVALID_TOKEN");
  });

  test("and again behind a message that took its time: who is banned meanwhile does nothing with it", async () => {
    await store.createUser({ username: "slow", email: "slow@example.test", passwordHash: "x" });
    const slow = await userNamed("slow");
    let calls = 0;
    const handler: Handler = async (message, context) => {
      calls++;
      return answers(message, context);
    };
    const sent = call(createProject, {
      credential: await sessionOf(slow),
      message: async () => {
        await store.updateAccount(slow.id, { isBanned: true });
        await Bun.sleep(1_100);
        return create(CreateProjectRequestSchema, { alias: "late", color: "#000000" });
      },
    });
    expect([await outcome(sent, handler), calls]).not.toEqual(["ok", 1]);
    expect(calls).toBe(0);
  });

  test("a public method looks at the host and at no credential, but is told of it", async () => {
    const message = () => create(LoginRequestSchema, { password: "p" });
    const fields = { credential: "Bearer garbage", message };
    const { login } = UserService.method;
    expect(await contextOf(call(login, fields))).toEqual({
      work: expect.any(CallWork),
      credential: "Bearer garbage",
      clientAddress: "127.0.0.1",
    } as Context);
    expect(await outcome(call(login, { ...fields, authority: "a/b" }))).toBe("INVALID_HOST");
  });
});

describe("what a method wants of a credential", () => {
  const byPassword = basic("ada:a password");

  const { logout, getMe } = UserService.method;
  const { getCurrentToken } = TokenService.method;
  const { listProjects } = ProjectService.method;

  test.each([
    ["a session", "a session", "ok", logout, () => session],
    ["a session", "a password", "ok", logout, () => byPassword],
    ["a session", "a token", "SESSION_REQUIRED", logout, () => token()],
    ["a token", "a session", "TOKEN_REQUIRED", getCurrentToken, () => session],
    ["a token", "a password", "TOKEN_REQUIRED", getCurrentToken, () => byPassword],
    ["a token", "one without leaves", "ok", getCurrentToken, () => token({ leaves: [] })],
    ["any", "a session", "ok", getMe, () => session],
    ["any", "a token without leaves", "ok", getMe, () => token({ leaves: [] })],
    ["a leaf", "a session", "ok", listProjects, () => session],
    ["a leaf", "it alone", "ok", listProjects, () => token({ leaves: ["projects.read"] })],
    [
      "a leaf",
      "others",
      "INSUFFICIENT_PERMISSIONS",
      listProjects,
      () => token({ leaves: ["projects.create", "containers.read"] }),
    ],
  ] as const)("%s; given %s: %s", async (_what, _given, code, method, credential) => {
    expect(await outcome(call(method, { credential: await credential() }))).toBe(code);
  });

  test.each([
    ["an operator's session", () => session, null, "ok"],
    ["a session of somebody else", () => sessionOf(bob), null, "INSUFFICIENT_PERMISSIONS"],
    ["an operator's token with the leaf", () => token(), null, "ok"],
    [
      "an operator's token without it",
      () => token({ leaves: ["containers.update"] }),
      null,
      "INSUFFICIENT_PERMISSIONS",
    ],
    ["a token of somebody else", () => token({ user: bob }), null, "INSUFFICIENT_PERMISSIONS"],
    ["a confined one", () => token({ realmIds: [A] }), A, "INSUFFICIENT_PERMISSIONS"],
    [
      "one for realm hosts only",
      () => token({ allowNoRealm: false }),
      A,
      "INSUFFICIENT_PERMISSIONS",
    ],
  ] as const)("operators' methods: %s", async (_who, credential, realmId, code) => {
    const message = () => create(setUpstream.input, { id: nowhere });
    const authority = realmId === null ? "api.localhost" : host(realmId);
    const sent = call(setUpstream, { credential: await credential(), authority, message });
    expect(await outcome(sent)).toBe(code);
  });
});

describe("a token's realms", () => {
  const { listProjects } = ProjectService.method;
  const { getCurrentToken } = TokenService.method;

  test.each([
    [{}, null, "ok"],
    [{}, A, "ok"],
    [{ allowNoRealm: false }, null, "REALM_SCOPE_REQUIRED"],
    [{ allowNoRealm: false }, A, "ok"],
    [{ realmIds: [A] }, null, "REALM_SCOPE_REQUIRED"],
    [{ realmIds: [A] }, A, "ok"],
    [{ realmIds: [A] }, B, "REALM_NOT_ALLOWED"],
    [{ realmIds: [A, B] }, B, "ok"],
  ])("%j on the host of %p: %s", async (fields, realmId, code) => {
    const credential = await token(fields);
    const authority = realmId === null ? "api.localhost" : host(realmId);
    expect(await outcome(call(listProjects, { credential, authority }))).toBe(code);
    const anyHost = code === "REALM_SCOPE_REQUIRED" ? "ok" : code;
    expect(await outcome(call(getCurrentToken, { credential, authority }))).toBe(anyHost);
    const metadata = { credential, authority: null, realmId };
    expect(await outcome(call(listProjects, metadata))).toBe(code);
  });
});

describe("a method is given", () => {
  test("caller, scope, level and address, If-Match only where it asks for it, and its own message", async () => {
    const id = await project([A]);
    const sent = call(getProject, { authority: host(A), ifMatch: "file:v1" });
    let seen: unknown;
    await dispatchWith(async (message, context) => {
      seen = { message, ...context };
      return answers(message, context);
    })({ ...sent, message: getProjectOf(id) });
    expect(seen).toEqual({
      work: expect.any(CallWork),
      message: create(GetProjectRequestSchema, { id }),
      caller: { user: ada, token: null },
      scope: { ...wide(ada.id), realmId: A, realms: [A] },
      level: ProjectLevel.DELETE,
      ifMatch: null,
      clientAddress: "127.0.0.1",
      credential: session,
    });
    const { deletePermissions } = ProjectPermissionsService.method;
    const message = () => create(DeletePermissionsRequestSchema, { id });
    const write = call(deletePermissions, { ifMatch: "file:v1", message });
    expect(await contextOf(write)).toMatchObject({ ifMatch: "file:v1" });
  });

  test.each([
    ["a session", null, null, [], null],
    ["a session", A, null, [A], null],
    ["a session", null, B, [B], null],
    ["a session", A, B, [A, B], null],
    ["a confined token", A, null, [A], [A, B]],
    ["a confined token", A, B, [A, B], [A, B]],
    ["a confined token", A, nowhere, [A, ""], [A, B]],
  ])(
    "a scope: %s in %p that asks for %p",
    async (who, realmId, realmFilter, realms, confinedTo) => {
      const credential = who === "a session" ? session : await token({ realmIds: [B, A] });
      const authority = realmId === null ? "api.localhost" : host(realmId);
      const { listProjects } = ProjectService.method;
      const { scope } = await contextOf(call(listProjects, { credential, authority, realmFilter }));
      expect(scope).toEqual({ ...wide(ada.id), realmId, realms, confinedTo });
    },
  );
});

describe("what a call acts on", () => {
  const update = (id: string) => () => create(UpdateProjectRequestSchema, { id, alias: "a" });
  const into = (projectId: string) => () => create(CreateContainerRequestSchema, { projectId });

  test("of a stranger's, or outside the realm, is as what is not there", async () => {
    const foreign = await project([A], bob);
    const elsewhere = await project([B]);
    const replies = [];
    for (const id of [foreign, elsewhere, nowhere]) {
      const fields = { authority: host(A), message: getProjectOf(id) };
      replies.push(await dispatchWith(answers)(call(getProject, fields)));
    }
    expect(codeOf(replies[0] as Reply)).toBe("PROJECT_NOT_FOUND");
    expect(replies).toEqual([replies[2], replies[2], replies[2]] as Reply[]);
  });

  test("is missing by another name where the method says so, on a realm host", async () => {
    const elsewhere = await project([B]);
    for (const id of [elsewhere, nowhere]) {
      const sent = call(createContainer, { message: into(id) });
      const inRealm = await outcome({ ...sent, authority: host(A) });
      expect(inRealm).toBe("PROJECT_NOT_IN_REALM");
    }
    const sent = call(createContainer, { message: into(nowhere) });
    expect(await outcome(sent)).toBe("PROJECT_NOT_FOUND");
  });

  test("needs the member's level, which the method is told", async () => {
    const id = await project();
    const credential = await sessionOf(bob);
    const added = await store.addMember(wide(ada.id), id, {
      userId: bob.id,
      level: ProjectLevel.READ,
    });
    expect(added).toBeObject();
    const read = call(getProject, { credential, message: getProjectOf(id) });
    expect((await contextOf(read)).level).toBe(ProjectLevel.READ);
    const write = call(updateProject, { credential, message: update(id) });
    expect(await outcome(write)).toBe("INSUFFICIENT_PERMISSIONS");
  });

  test("is not changed by a confined caller where it is shared with other realms, but read and added to", async () => {
    const [own, shared] = [await project([A]), await project([A, B])];
    const fields = { credential: await token({ realmIds: [A] }), authority: host(A) };
    const outcomes = async (id: string) => [
      await outcome(call(getProject, { ...fields, message: getProjectOf(id) })),
      await outcome(call(createContainer, { ...fields, message: into(id) })),
      await outcome(call(updateProject, { ...fields, message: update(id) })),
    ];
    expect(await outcomes(own)).toEqual(["ok", "ok", "ok"]);
    expect(await outcomes(shared)).toEqual(["ok", "ok", "SHARED_ACROSS_REALMS"]);
  });
});

test("a message that breaks a rule does not reach its method", async () => {
  const message = () => create(CreateProjectRequestSchema, { alias: "" });
  const reached: Handler = () => Promise.reject(new Error("it did"));
  const code = await outcome(call(createProject, { message }), reached);
  expect(code).toBe("INVALID_ALIAS_FORMAT");
});

describe("an answer", () => {
  const list = call(ProjectService.method.getProject);
  const made: Handler = async () => ({ message: create(ProjectSchema, { id: A }) });
  const committed = { revision: 7, lineage: "0123456789abcdef" };
  let read: Call;

  beforeAll(async () => {
    read = { ...list, credential: session, message: getProjectOf(await project()) };
  });

  test("of a read has neither revision nor tag", async () => {
    expect(await dispatchWith(made)(read)).toEqual({
      ok: true,
      message: create(ProjectSchema, { id: A }),
      revision: null,
      etag: null,
      dryRun: false,
    });
  });

  test("of a write has its revision as a token", async () => {
    const written: Handler = async (...sent) => ({
      ...(await made(...sent)),
      committed,
      etag: "file:v2",
    });
    const reply = await dispatchWith(written)(read);
    if (!reply.ok) throw new Error("refused");
    expect(revisions.open(reply.revision ?? "")).toEqual(committed);
    expect(reply.etag).toBe("file:v2");
  });

  test("of a method that overlooks that it is only tried is an error", async () => {
    const { replacePermissions } = ProjectPermissionsService.method;
    const id = await project();
    const reply = (handler: Handler, validateOnly: boolean) => {
      const document = create(PermissionDocumentSchema);
      const message = () => create(ReplacePermissionsRequestSchema, { id, document, validateOnly });
      return outcome(call(replacePermissions, { message }), handler);
    };
    const document = { message: create(PermissionDocumentSchema) };
    const writes: Handler = async () => ({ ...document, committed });
    const tries: Handler = async () => ({ ...document, dryRun: true });
    expect(await reply(writes, false)).toBe("ok");
    expect(await reply(writes, true)).toBe("INTERNAL_ERROR");
    expect(await reply(tries, true)).toBe("ok");
    expect(await reply(tries, false)).toBe("INTERNAL_ERROR");
    const told: Handler = async (_, { scope }) =>
      scope.dryRun ? { ...document, dryRun: true } : document;
    expect([await reply(told, true), await reply(told, false)]).toEqual(["ok", "ok"]);
  });

  test("of a refusal says why, and when to come back, and logs nothing", async () => {
    const violations = [{ instancePath: "/a", message: "is wrong" }];
    const metadata = { field: "a" };
    logged.length = 0;
    const reply = await dispatchWith(async () => {
      throw new ApiError(ErrorCode.RATE_LIMITED, violations, 30, metadata);
    })(read);
    const { RATE_LIMITED: code } = ErrorCode;
    expect(reply).toEqual({ ok: false, code, violations, retryAfterS: 30, metadata });
    expect(logged).toEqual([]);
  });

  const onFire = () => Promise.reject(new Error("the disk is on fire"));

  test.each([
    ["the method", onFire, {}],
    ["what reads the message", made, { message: onFire }],
  ])("of a fault in %s says nothing of it; the log has it under the request id", async (...row) => {
    const [, handler, fields] = row;
    logged.length = 0;
    const reply = await dispatchWith(handler)({ ...read, ...fields });
    const { INTERNAL_ERROR: code } = ErrorCode;
    expect(reply).toEqual({ ok: false, code, violations: [], retryAfterS: null });
    expect(logged).toMatchObject([{ requestId: "request-1", method: "GetProject" }]);
  });

  test.each([
    ["that cannot be used", new StoreUnavailable("away"), ErrorCode.STORE_UNAVAILABLE, 1],
    ["lost in a COMMIT", new WriteOutcomeUnknown("cut"), ErrorCode.WRITE_OUTCOME_UNKNOWN, null],
  ])(
    "without a database, %s: 503, and the log says why",
    async (_what, error, code, retryAfterS) => {
      logged.length = 0;
      const reply = await dispatchWith(() => Promise.reject(error))(read);
      expect(reply).toEqual({ ok: false, code, violations: [], retryAfterS });
      expect(refusalOf(code).http).toBe(503);
      expect(logged).toMatchObject([{ requestId: "request-1", method: "GetProject" }]);
    },
  );

  test("to a method that is not served is a fault of ours", async () => {
    const log = { error: () => {} };
    const dispatch = createDispatch({ implementations: [], store, callers, revisions, log });
    expect(codeOf(await dispatch(read))).toBe("INTERNAL_ERROR");
  });
});

describe("events are bounded", () => {
  const create201 = () => create(CreateProjectRequestSchema, { alias: "x" });
  const eventsOf = async (user: User) => {
    const viewer = { scope: wide(user.id), tokenId: null, isOperator: false };
    const { counts } = await store.eventCounts(viewer, { ...EVERY_EVENT, actorId: user.id });
    return counts.reduce((sum, { n }) => sum + n, 0);
  };

  test("by the changes of one account: more are refused for a while, reads and other accounts are not", async () => {
    const dispatch = dispatchWith(answers);
    const ofBob = await sessionOf(bob);
    const change = (credential: string) =>
      dispatch(call(createProject, { credential, message: create201 }));
    const codes = new Map<string, number>();
    for (let n = 0; n < changeLimit.burst + 100; n++) {
      const code = codeOf(await change(ofBob));
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    expect(codes.get("ok") ?? 0).toBeGreaterThanOrEqual(changeLimit.burst);
    expect(codes.get("RATE_LIMITED") ?? 0).toBeGreaterThan(0);
    const refused = await change(ofBob);
    expect(refused).toMatchObject({ ok: false, retryAfterS: 1 });
    expect(codeOf(await change(session))).toBe("ok");
    const id = await project([], bob);
    const read = call(getProject, { credential: ofBob, message: getProjectOf(id) });
    expect(codeOf(await dispatch(read))).toBe("ok");
  }, 60_000);

  test("by what changes nothing: it leaves none", async () => {
    const sent = call(createProject, { message: create201 });
    const before = await eventsOf(ada);
    await dispatchWith(async () => ({ message: create(EmptySchema), unchanged: true }))(sent);
    expect(await eventsOf(ada)).toBe(before);
    await dispatchWith(answers)(sent);
    expect(await eventsOf(ada)).toBe(before + 1);
  });
});
