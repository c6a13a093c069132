import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { create, type DescMethod, type DescService } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { type Call, Refused, type Reply } from "../../proto/call.ts";
import { refusalOf } from "../../proto/errors.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  CreateProjectRequestSchema,
  GetProjectRequestSchema,
  ProjectSchema,
  ProjectService,
} from "../../proto/gen/realmgate/v1/projects_pb.ts";
import {
  LoginRequestSchema,
  SessionSchema,
  UserService,
} from "../../proto/gen/realmgate/v1/users_pb.ts";
import { type Context, createDispatch, type Implementation } from "./dispatch.ts";
import { revisionTokens } from "./revision.ts";
import { deriveKey, SecretBox } from "./secret-box.ts";
import { Sessions } from "./session.ts";
import type { User } from "./store/records.ts";
import { openSqliteStore } from "./store/sqlite.ts";
import type { Store } from "./store/store.ts";

const id = "0123456789abcdef01234567";
const master = randomBytes(32);
const revisions = revisionTokens(new SecretBox(master, "revisions"));
let clock = Date.UTC(2026, 0, 1);
const sessions = new Sessions(deriveKey(master, "sessions"), () => clock);
const logged: object[] = [];

let store: Store;
let user: User;
let token: string;

beforeAll(async () => {
  const box = new SecretBox(master, "documents");
  store = openSqliteStore({ path: ":memory:", box, now: () => clock });
  await store.createFirstUser({ username: "ada", passwordHash: "" });
  const found = await store.userForLogin({ username: "ada" });
  if (found === null) throw new Error("the first user was not stored");
  user = found;
  token = `Bearer ${(await sessions.issue(user)).token}`;
});

afterAll(() => store.close());

/** What the methods of ProjectService and UserService do in a test. */
type Handler = (
  message: unknown,
  context: Context,
) => ReturnType<Implementation["methods"][string]>;

function dispatchWith(handler: Handler) {
  const implement = (service: DescService): Implementation => ({
    service,
    methods: Object.fromEntries(service.methods.map(({ localName }) => [localName, handler])),
  });
  return createDispatch({
    implementations: [implement(ProjectService), implement(UserService)],
    store,
    sessions,
    revisions,
    log: { error: (fields) => logged.push(fields) },
  });
}

const { getProject, createProject } = ProjectService.method;
const { login } = UserService.method;

function call(method: DescMethod, fields: Partial<Call> = {}): Call {
  return {
    method,
    credential: token,
    authority: "api.localhost",
    realmId: null,
    ifMatch: null,
    clientAddress: "127.0.0.1",
    requestId: "request-1",
    message: () => create(GetProjectRequestSchema, { id }),
    ...fields,
  };
}

const answers = async () => ({ message: create(ProjectSchema, { id }) });
const codeOf = (reply: Reply) => (reply.ok ? "ok" : refusalOf(reply.code).code);

describe("who is calling is settled before what is said is read", () => {
  const unread = () => {
    throw new Error("the message was read");
  };

  test.each([
    ["no credential", null, "MISSING_TOKEN"],
    ["an empty one", "", "MISSING_TOKEN"],
    ["another scheme", "Basic YTpi", "INVALID_TOKEN"],
    ["no token", "Bearer ", "INVALID_TOKEN"],
    ["garbage", "Bearer garbage", "INVALID_TOKEN"],
    ["two credentials", "Bearer a, Bearer b", "INVALID_TOKEN"],
  ])("%s", async (_why, credential, code) => {
    const reply = await dispatchWith(answers)(call(getProject, { credential, message: unread }));
    expect(codeOf(reply)).toBe(code);
  });

  test("a token that ended", async () => {
    clock += 2 * 86_400_000;
    const reply = await dispatchWith(answers)(call(getProject, { message: unread }));
    clock -= 2 * 86_400_000;
    expect(codeOf(reply)).toBe("TOKEN_EXPIRED");
  });

  test.each([
    ["a generation that is over", { sessionGeneration: 1 }],
    ["a user that is gone", { id }],
  ])("%s", async (_why, change) => {
    const { token } = await sessions.issue({ ...user, ...change });
    const reply = await dispatchWith(answers)(
      call(getProject, { credential: `Bearer ${token}`, message: unread }),
    );
    expect(codeOf(reply)).toBe("INVALID_TOKEN");
  });

  test("and the host before that", async () => {
    const fields = { authority: "a/b", credential: null, message: unread };
    expect(codeOf(await dispatchWith(answers)(call(getProject, fields)))).toBe("INVALID_HOST");
    expect(codeOf(await dispatchWith(answers)(call(login, fields)))).toBe("INVALID_HOST");
  });
});

test("a public method looks at no credential", async () => {
  const reply = await dispatchWith(async () => ({ message: create(SessionSchema, {}) }))(
    call(login, {
      credential: "Bearer garbage",
      message: () => create(LoginRequestSchema, { password: "p" }),
    }),
  );
  expect(codeOf(reply)).toBe("ok");
});

test("a method is given caller, realm and address, If-Match only where it asks for it, and its own message", async () => {
  let seen: unknown[] = [];
  await dispatchWith(async (message, context) => {
    seen = [message, context];
    return answers();
  })(call(getProject, { authority: `${id}.api.localhost`, ifMatch: "file:v1" }));
  expect(seen).toEqual([
    create(GetProjectRequestSchema, { id }),
    {
      caller: { user },
      scope: { userId: user.id, realmId: id },
      ifMatch: null,
      clientAddress: "127.0.0.1",
    },
  ]);
});

test("a message that breaks a rule does not reach its method", async () => {
  const reply = await dispatchWith(() => {
    throw new Error("it did");
  })(call(createProject, { message: () => create(CreateProjectRequestSchema, { alias: "" }) }));
  expect(codeOf(reply)).toBe("INVALID_ALIAS_FORMAT");
});

describe("an answer", () => {
  test("of a read has neither revision nor tag", async () => {
    const reply = await dispatchWith(answers)(call(getProject));
    expect(reply).toEqual({
      ok: true,
      message: create(ProjectSchema, { id }),
      revision: null,
      etag: null,
    });
  });

  test("of a write has its revision as a token", async () => {
    const reply = await dispatchWith(async () => ({
      ...(await answers()),
      revision: 7,
      etag: "file:v2",
    }))(call(getProject));
    if (!reply.ok) throw new Error("refused");
    expect(revisions.open(reply.revision ?? "")).toBe(7);
    expect(reply.etag).toBe("file:v2");
  });

  test("of a refusal says why, and logs nothing", async () => {
    const violations = [{ instancePath: "/a", message: "is wrong" }];
    logged.length = 0;
    const reply = await dispatchWith(async () => {
      throw new Refused(ErrorCode.PROJECT_NOT_FOUND, violations);
    })(call(getProject));
    expect(reply).toEqual({
      ok: false,
      code: ErrorCode.PROJECT_NOT_FOUND,
      violations,
      retryAfterS: null,
    });
    expect(logged).toEqual([]);
  });

  test.each([
    ["thrown by the method", () => Promise.reject(new Error("the disk is on fire")), {}],
    [
      "thrown by what reads the message",
      answers,
      { message: () => Promise.reject(new Error("the disk is on fire")) },
    ],
  ])("of a fault %s says nothing of it; the log has it under the request id", async (...row) => {
    const [, handler, fields] = row;
    logged.length = 0;
    const reply = await dispatchWith(handler)(call(getProject, fields));
    expect(reply).toEqual({
      ok: false,
      code: ErrorCode.INTERNAL_ERROR,
      violations: [],
      retryAfterS: null,
    });
    expect(logged).toMatchObject([{ requestId: "request-1", method: "GetProject" }]);
  });
});

test("a method that is not served is a fault of ours", async () => {
  const dispatch = createDispatch({
    implementations: [],
    store,
    sessions,
    revisions,
    log: { error: () => {} },
  });
  expect(codeOf(await dispatch(call(getProject)))).toBe("INTERNAL_ERROR");
});

describe("a server does not start", () => {
  const start = (implementation: Implementation) => () =>
    createDispatch({
      implementations: [implementation],
      store,
      sessions,
      revisions,
      log: { error: () => {} },
    });

  test("without an implementation of each method", () => {
    expect(start({ service: ProjectService, methods: { getProject: answers } })).toThrow(
      "realmgate.v1.ProjectService.ListProjects is not implemented",
    );
  });

  test("with a method that does not say who may call it", () => {
    const { getProject: silent } = ProjectService.method;
    const unsaid: DescMethod = { ...silent, proto: { ...silent.proto } };
    delete unsaid.proto.options;
    const service: DescService = { ...ProjectService, methods: [unsaid] };
    expect(start({ service, methods: { getProject: answers } })).toThrow(
      "GetProject does not say what it requires",
    );
  });
});

test("an Empty message breaks no rule", async () => {
  const fields = { message: () => create(EmptySchema, {}) };
  expect(codeOf(await dispatchWith(answers)(call(UserService.method.getMe, fields)))).toBe("ok");
});
