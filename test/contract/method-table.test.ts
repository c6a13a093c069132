// Every method of the contract × who may not call it and who may, over REST and gRPC alike: status and code of each.
// What a method needs is read from its own option; a method without a request in the table fails.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  type DescMethod,
  fromJson,
  getOption,
  type JsonObject,
  type JsonValue,
  toJson,
} from "@bufbuild/protobuf";
import { http } from "../../proto/gen/google/api/annotations_pb.ts";
import {
  answer,
  CallerKind,
  ProjectLevel,
  type Requires,
  ResourceKind,
  requires,
} from "../../proto/gen/realmgate/v1/options_pb.ts";
import { TokenPermissionsSchema } from "../../proto/gen/realmgate/v1/tokens_pb.ts";
import { allPermissions, permissionTree } from "../../src/admin/auth/permissions.ts";
import { type Binding, bindingsOf } from "../../src/gateway-rest/routing/http-rule.ts";
import { present } from "../../src/gateway-rest/transcoding/present.ts";
import { ControlPlane } from "../harness/control-plane.ts";
import { before, elsewhere, requests } from "./method-table/requests.ts";
import { restRequest } from "./method-table/rest.ts";
import { here, lookAt, makeScene, type Scene, there } from "./method-table/scene.ts";

const usernames = ["stranger", "reader", "editor", "member", "guest"] as const;

/** A control plane with its users, and a scene in it. */
interface Stage {
  readonly plane: ControlPlane;
  readonly owner: string;
  readonly scene: Scene;
  userId(username: string): Promise<string>;
}

async function makeStage(passwordHash: string): Promise<Stage> {
  const plane = new ControlPlane();
  plane.at(0);
  await plane.store.createFirstUser({ username: "owner", passwordHash });
  await plane.store.registerServer("local");
  for (const username of usernames) {
    const email = `${username}@example.com`;
    await plane.store.createUser({ username, email, passwordHash });
  }
  const owner = await plane.session("owner");
  const userId = async (username: string) =>
    (await plane.store.userForLogin({ username }))?.id ?? "";
  const ids = {
    ownerId: await userId("owner"),
    memberId: await userId("member"),
    guestId: await userId("guest"),
  };
  const scene = await makeScene(plane, owner, { n: 0, realmIds: [here], ...ids });
  return { plane, owner, scene, userId };
}

const listing = new ControlPlane();
const methods = listing.services.flatMap((service) => service.methods);
const bindings = Map.groupBy(bindingsOf(listing.services), ({ method }) => method);

let passwordHash: string;
let stage: Stage;
/** A scene that is in another realm, too. */
let shared: Scene;
const sessions = { stranger: "", reader: "", editor: "" };

beforeAll(async () => {
  passwordHash = await Bun.password.hash("a password", "argon2id");
  stage = await makeStage(passwordHash);
  const { plane, owner, scene } = stage;
  for (const name of ["stranger", "reader", "editor"] as const) {
    sessions[name] = await plane.session(name);
  }
  const { ownerId, guestId } = scene;
  const memberId = await stage.userId("member");
  shared = await makeScene(plane, owner, {
    n: 1,
    realmIds: [here, there],
    ownerId,
    memberId,
    guestId,
  });
  const levels = { reader: "read", editor: "edit" };
  for (const [username, permission_level] of Object.entries(levels)) {
    const body = { user_id: await stage.userId(username), permission_level };
    const path = `/projects/${scene.projectId}/permissions`;
    await plane.data(owner, { method: "POST", path, realm: null, body });
  }
});

afterAll(async () => {
  await stage.plane[Symbol.asyncDispose]();
  await listing[Symbol.asyncDispose]();
});

function nameOf(method: DescMethod): string {
  return `${method.parent.name}.${method.name}`;
}

let callers = 0;

/** A new token of the owner, with these leaves, confined to these realms. */
async function tokenWith(
  leaves: ReadonlySet<string>,
  realmIds: readonly string[],
  { plane, owner }: Stage = stage,
): Promise<string> {
  const permissions = toJson(TokenPermissionsSchema, permissionTree(leaves), {
    useProtoFieldName: true,
  });
  const body = { permissions, realm_ids: realmIds, alias: `caller ${callers++}` };
  const { token } = await plane.data(owner, {
    method: "POST",
    path: "/auth/tokens",
    realm: null,
    body,
  });
  return `Bearer ${token}`;
}

interface Given {
  readonly credential: string | null;
  readonly realm?: string | null;
  readonly scene?: Scene;
  /** Where; the common one when unset. */
  readonly on?: ControlPlane;
  /** What If-Match says where the method wants one; the present version when unset, nothing when null. */
  readonly ifMatch?: string | null;
}

interface Got {
  readonly status: number;
  /** Machine code; empty on success. */
  readonly code: string;
  /** What came back, with everything that is drawn at random replaced. */
  readonly data: JsonValue;
}

function versionFor(method: DescMethod, given: Given): { ifMatch?: string } {
  if (!getOption(method, requires).ifMatch || given.ifMatch === null) return {};
  const { projectEtag, containerEtag } = given.scene ?? stage.scene;
  const own = method.parent.name === "ProjectPermissionsService" ? projectEtag : containerEtag;
  return { ifMatch: given.ifMatch ?? own };
}

function messageFor(method: DescMethod, of: Scene): JsonObject {
  const request = requests[nameOf(method)];
  if (request === undefined) throw new Error(`${nameOf(method)} has no request in the table`);
  return request(of);
}

async function byRest(binding: Binding, given: Given): Promise<Got> {
  const { method } = binding;
  const seen = await (given.on ?? stage.plane).call(given.credential, {
    ...restRequest(binding, messageFor(method, given.scene ?? stage.scene)),
    realm: given.realm ?? null,
    ...versionFor(method, given),
  });
  const envelope = JSON.parse(seen.text);
  return {
    status: seen.status,
    code: envelope.code ?? "",
    data: seen.status < 300 ? canonical(envelope.data ?? null) : null,
  };
}

async function byGrpc(method: DescMethod, given: Given): Promise<Got> {
  const message = fromJson(method.input, messageFor(method, given.scene ?? stage.scene));
  const got = await (given.on ?? stage.plane).grpc(given.credential, method, message, {
    realm: given.realm ?? null,
    ...versionFor(method, given),
  });
  if (!got.ok) return { status: got.status, code: got.code, data: null };
  const whole = present(method.output, got.message);
  const field = getOption(method, http).responseBody;
  const data = field === "" ? whole : ((whole as JsonObject)[field] ?? null);
  const shown = getOption(method, answer).withoutData ? null : data;
  return { status: 0, code: "", data: canonical(shown) };
}

/** What each universe draws for itself: ids, secrets, sessions. Numbered by first appearance. */
function canonical(json: JsonValue): JsonValue {
  const seen = new Map<string, string>();
  const drawn =
    /hd[yn]_[\w-]{43}|eyJ[\w-]+\.[\w-]+\.[\w-]+|[0-9a-f]{24,64}|\b[0-9a-hjkmnp-tv-z]{26}\b|caller \d+|(?<="enforced_revision":")[\w-]+/g;
  const text = JSON.stringify(json).replace(drawn, (value) => {
    if (!seen.has(value)) seen.set(value, `@${seen.size}@`);
    return seen.get(value) ?? "";
  });
  return JSON.parse(text);
}

/** Both transports refuse alike, with this code. */
async function expectRefusal(method: DescMethod, given: Given, code: string): Promise<void> {
  for (const binding of bindings.get(method) ?? []) {
    expect(`REST ${binding.verb}: ${(await byRest(binding, given)).code}`).toBe(
      `REST ${binding.verb}: ${code}`,
    );
  }
  expect(`gRPC: ${(await byGrpc(method, given)).code}`).toBe(`gRPC: ${code}`);
}

/** A test that only some methods have a case for. */
function applies(condition: boolean, name: string, body: () => Promise<void>): void {
  if (condition) test(name, body);
}

const notFound: Readonly<Record<ResourceKind, string>> = {
  [ResourceKind.UNSPECIFIED]: "",
  [ResourceKind.PROJECT]: "PROJECT_NOT_FOUND",
  [ResourceKind.CONTAINER]: "CONTAINER_NOT_FOUND",
  [ResourceKind.ALIAS]: "ALIAS_NOT_FOUND",
};

/** What a stranger hears of things that lie in no project. */
const foreign: Readonly<Record<string, string>> = {
  "TokenService.GetToken": "TOKEN_NOT_FOUND",
  "TokenService.UpdateToken": "TOKEN_NOT_FOUND",
  "TokenService.DeleteToken": "TOKEN_NOT_FOUND",
  "TokenService.CopyToken": "TOKEN_NOT_FOUND",
  "TokenService.AddTokenRealm": "TOKEN_NOT_FOUND",
  "TokenService.RemoveTokenRealm": "TOKEN_NOT_FOUND",
  "UserService.GetUser": "INSUFFICIENT_PERMISSIONS",
  "UserService.UpdateUser": "INSUFFICIENT_PERMISSIONS",
  "NodeService.ListNodes": "INSUFFICIENT_PERMISSIONS",
  "NodeService.CreateNode": "INSUFFICIENT_PERMISSIONS",
  "NodeService.DeleteNode": "INSUFFICIENT_PERMISSIONS",
  "UserService.ListUsers": "INSUFFICIENT_PERMISSIONS",
  "UserService.CreateUser": "INSUFFICIENT_PERMISSIONS",
  "UserService.DeleteUser": "INSUFFICIENT_PERMISSIONS",
  "ContainerService.SetUpstream": "INSUFFICIENT_PERMISSIONS",
  "ContainerService.ListContainers": "PROJECT_NOT_FOUND",
  "AliasService.ListAliases": "",
  "RealmService.DeleteRealm": "REALM_NOT_FOUND",
};

test("the table has a request for every method", () => {
  const missing = methods.map(nameOf).filter((name) => !(name in requests) && !elsewhere.has(name));
  expect(missing).toEqual([]);
  expect(methods.length).toBeGreaterThan(70);
});

describe.each(
  methods
    .filter((method) => !elsewhere.has(nameOf(method)))
    .map((method) => [nameOf(method), method] as const),
)("%s", (name, method) => {
  const needs: Requires = getOption(method, requires);
  const isPublic = needs.caller === CallerKind.PUBLIC;
  const forTokens = needs.caller === CallerKind.ANY || needs.caller === CallerKind.TOKEN;
  const { resource } = needs;

  applies(!isPublic, "wants a credential, and a good one", async () => {
    await expectRefusal(method, { credential: null }, "MISSING_TOKEN");
    await expectRefusal(method, { credential: "Bearer nonsense" }, "INVALID_TOKEN");
    await expectRefusal(method, { credential: `Bearer hdy_${"x".repeat(43)}` }, "INVALID_TOKEN");
  });

  applies(!forTokens && !isPublic, "is for sessions only", async () => {
    const token = await tokenWith(allPermissions, []);
    await expectRefusal(method, { credential: token }, "SESSION_REQUIRED");
  });

  applies(needs.caller === CallerKind.TOKEN, "is for tokens only", async () => {
    await expectRefusal(method, { credential: stage.owner }, "TOKEN_REQUIRED");
  });

  applies(needs.leaves.length > 0, "wants its leaf of a token", async () => {
    const others = new Set([...allPermissions].filter((leaf) => !needs.leaves.includes(leaf)));
    const token = await tokenWith(others, []);
    await expectRefusal(method, { credential: token }, "INSUFFICIENT_PERMISSIONS");
  });

  applies(forTokens, "takes a confined token on its own realm's host only", async () => {
    const token = await tokenWith(allPermissions, [there]);
    await expectRefusal(method, { credential: token, realm: here }, "REALM_NOT_ALLOWED");
    if (!needs.anyHost) await expectRefusal(method, { credential: token }, "REALM_SCOPE_REQUIRED");
  });

  applies(resource !== undefined, "knows nothing of what is in another realm", async () => {
    if (resource === undefined) return;
    const given = { credential: stage.owner, realm: there };
    const code =
      name === "ContainerService.CreateContainer"
        ? "PROJECT_NOT_IN_REALM"
        : (notFound[resource.kind] ?? "");
    await expectRefusal(method, given, code);
  });

  applies(
    resource !== undefined || Boolean(foreign[name]),
    "knows nothing of what is another's",
    async () => {
      const code = resource === undefined ? foreign[name] : notFound[resource.kind];
      await expectRefusal(method, { credential: sessions.stranger }, code ?? "");
    },
  );

  applies(needs.level >= ProjectLevel.EDIT, "wants its level of a member", async () => {
    const credential = needs.level === ProjectLevel.EDIT ? sessions.reader : sessions.editor;
    await expectRefusal(method, { credential }, "INSUFFICIENT_PERMISSIONS");
  });

  applies(
    resource?.shared === false,
    "leaves alone what a confined caller shares with other realms",
    async () => {
      const credential = await tokenWith(allPermissions, [here]);
      const given = { credential, realm: here, scene: shared };
      await expectRefusal(method, given, "SHARED_ACROSS_REALMS");
    },
  );

  applies(needs.ifMatch, "wants the version that the writer saw", async () => {
    const credential = stage.owner;
    await expectRefusal(method, { credential, ifMatch: null }, "PRECONDITION_REQUIRED");
    await expectRefusal(method, { credential, ifMatch: "file:v9" }, "PRECONDITION_FAILED");
    await expectRefusal(method, { credential, ifMatch: "*" }, "PRECONDITION_FAILED");
  });

  test("does the same over REST and gRPC", async () => {
    const outcomes: unknown[] = [];
    for (const binding of [...(bindings.get(method) ?? []), null]) {
      const fresh = await makeStage(passwordHash);
      await using plane = fresh.plane;
      const forToken = needs.caller === CallerKind.TOKEN;
      const credential = forToken ? await tokenWith(allPermissions, [here], fresh) : fresh.owner;
      const first = before[name];
      if (first !== undefined) {
        const path = `/containers/${fresh.scene.containerId}/${first}`;
        await plane.data(fresh.owner, { method: "POST", path, realm: null });
      }
      const given = { credential, realm: here, scene: fresh.scene, on: plane };
      const got = binding === null ? await byGrpc(method, given) : await byRest(binding, given);
      expect(got.code).toBe("");
      expect(got.status).toBe(binding === null ? 0 : binding.status);
      const owner = await plane.session("owner");
      outcomes.push({ data: got.data, after: canonical(await lookAt(plane, owner, fresh.scene)) });
    }
    expect(outcomes.length).toBeGreaterThan(1);
    for (const outcome of outcomes) expect(outcome).toEqual(outcomes[0]);
  });
});
