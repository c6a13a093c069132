// `validate_only`: every write that takes it checks everything and stores nothing; every other route refuses it.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type DescMethod, fromJson, getOption, type JsonObject } from "@bufbuild/protobuf";
import { CallerKind, ProjectLevel, requires } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { type Binding, bindingsOf } from "../../src/gateway-rest/routing/http-rule.ts";
import { present } from "../../src/gateway-rest/transcoding/present.ts";
import { ControlPlane, type Request, type Seen } from "../harness/control-plane.ts";
import { elsewhere, requests } from "./method-table/requests.ts";
import { restRequest } from "./method-table/rest.ts";
import { here, lookAt, makeScene, type Scene, there } from "./method-table/scene.ts";

const plane = new ControlPlane();
let owner: string;
let guestId: string;
let ownerId: string;
let scenes = 0;

beforeAll(async () => {
  plane.at(0);
  await plane.store.createFirstUser({ username: "owner", passwordHash: "-" });
  await plane.store.registerServer("local");
  await plane.store.createUser({ username: "guest", email: "g@example.com", passwordHash: "-" });
  owner = await plane.session("owner");
  ownerId = (await plane.store.userForLogin({ username: "owner" }))?.id ?? "";
  guestId = (await plane.store.userForLogin({ username: "guest" }))?.id ?? "";
});

afterAll(() => plane[Symbol.asyncDispose]());

function newScene(): Promise<Scene> {
  const ids = { ownerId, memberId: guestId, guestId };
  return makeScene(plane, owner, { n: scenes++, realmIds: [here], ...ids });
}

const methods = plane.services.flatMap((service) => service.methods);
const bindings = bindingsOf(plane.services);
const nameOf = (method: DescMethod) => `${method.parent.name}.${method.name}`;
const takesIt = (method: DescMethod) =>
  method.input.fields.some(({ name }) => name === "validate_only");

function etagFor(method: DescMethod, scene: Scene): { ifMatch?: string } {
  if (!getOption(method, requires).ifMatch) return {};
  const ofProject = method.parent.name === "ProjectPermissionsService";
  return { ifMatch: ofProject ? scene.projectEtag : scene.containerEtag };
}

function send(
  binding: Binding,
  scene: Scene,
  extra: JsonObject = {},
  also: Partial<Request> = {},
): Promise<Seen> {
  const message = { ...requests[nameOf(binding.method)]?.(scene), ...extra };
  const request = restRequest(binding, message);
  const etag = etagFor(binding.method, scene);
  return plane.call(owner, { ...request, realm: here, ...etag, ...also });
}

/** What a call left behind: the last revision, what was announced, and everything of the scene. */
async function traces(scene: Scene, call: () => Promise<unknown>) {
  const announced: number[] = [];
  const [revision, before] = [await plane.store.revision(), await lookAt(plane, owner, scene)];
  const stop = plane.store.onCommit((each) => announced.push(each));
  await call();
  stop();
  return {
    announced,
    revision: (await plane.store.revision()) - revision,
    same: (await lookAt(plane, owner, scene)) === before,
  };
}

const nothing = { announced: [], revision: 0, same: true };

/** A document without what differs between one that is stored and one that would be. */
function content({ preview, file_version, etag, ...rest }: JsonObject): JsonObject {
  return rest;
}

describe("a dry run of", () => {
  const dry = bindings.filter(({ method }) => takesIt(method));
  test("all writes of documents and settings", () => {
    expect(new Set(dry.map(({ method }) => nameOf(method))).size).toBe(25);
  });

  test.each(dry.map((binding) => [`${binding.verb} ${nameOf(binding.method)}`, binding] as const))(
    "%s stores nothing, and answers what the write would",
    async (_, binding) => {
      const scene = await newScene();
      let seen: Seen | undefined;
      const left = await traces(scene, async () => {
        seen = await send(binding, scene, { validate_only: true });
      });
      expect({ status: seen?.status, ...left }).toEqual({ status: 200, ...nothing });
      const { message, data } = JSON.parse(seen?.text ?? "");
      expect(message).toBe("Valid; nothing was stored");
      expect(data.preview).toBeObject();
      expect(seen?.headers.etag).toBe(`"${etagFor(binding.method, scene).ifMatch}"`);
      expect(data.etag).toBe(etagFor(binding.method, scene).ifMatch);

      const written = await send(binding, scene);
      expect(written.status).toBe(200);
      const real = JSON.parse(written.text).data;
      expect(real.preview).toBeUndefined();
      expect(content(real)).toEqual(content(data));
    },
  );

  test.each(methods.filter(takesIt).map((method) => [nameOf(method), method] as const))(
    "%s over gRPC is the same",
    async (name, method) => {
      const scene = await newScene();
      const message = { ...requests[name]?.(scene), validate_only: true };
      const binding = bindings.find((each) => each.method === method);
      if (binding === undefined) throw new Error(`${name} has no route`);
      const rest = JSON.parse((await send(binding, scene, { validate_only: true })).text).data;
      const left = await traces(scene, async () => {
        const got = await plane.grpc(owner, method, fromJson(method.input, message), {
          realm: here,
          ...etagFor(method, scene),
        });
        if (!got.ok) throw new Error(got.code);
        expect(present(method.output, got.message)).toEqual(rest);
      });
      expect(left).toEqual(nothing);
    },
  );

  test("a stale or absent version is refused like the write", async () => {
    const scene = await newScene();
    for (const binding of dry) {
      const said = { validate_only: true };
      const stale = await send(binding, scene, said, { ifMatch: "file:v9" });
      expect(stale.status).toBe(412);
      const { ifMatch: _, ...request } = {
        ...restRequest(binding, { ...requests[nameOf(binding.method)]?.(scene), ...said }),
        ifMatch: "",
      };
      expect((await plane.call(owner, { ...request, realm: here })).status).toBe(428);
    }
  });

  test("a bad document is refused like the write, with every violation", async () => {
    const { projectId, projectEtag } = await newScene();
    const request = {
      method: "PUT",
      path: `/projects/${projectId}/proxy/permissions`,
      realm: here,
      body: {
        groups: { a: { type: "ip", range: "nowhere" } },
        permissions: { b: { terminal: "x" } },
      },
      ifMatch: projectEtag,
    };
    const tried = await plane.call(owner, {
      ...request,
      path: `${request.path}?validate_only=true`,
    });
    expect(tried.status).toBe(400);
    expect(JSON.parse(tried.text).data.length).toBe(3);
    expect(tried).toEqual(await plane.call(owner, request));
  });

  test("a write that says false is a write", async () => {
    const scene = await newScene();
    const { revision } = await traces(scene, async () => {
      const path = `/projects/${scene.projectId}/proxy/permissions/default?validate_only=false`;
      const body = { default: "allow" };
      const request = { method: "PUT", path, realm: here, body, ifMatch: scene.projectEtag };
      expect((await plane.call(owner, request)).status).toBe(200);
    });
    expect(revision).toBe(1);
  });
});

describe("validate_only is never overlooked:", () => {
  const others = bindings
    .filter(({ verb, method }) => verb !== "GET" && !takesIt(method))
    .filter(({ method }) => !elsewhere.has(nameOf(method)));
  test("there are others", () => expect(others.length).toBeGreaterThan(30));

  test.each(
    others.map((binding) => [`${binding.verb} ${nameOf(binding.method)}`, binding] as const),
  )("%s refuses it", async (_, binding) => {
    const scene = await newScene();
    const request = restRequest(binding, requests[nameOf(binding.method)]?.(scene) ?? {});
    const mark = request.path.includes("?") ? "&" : "?";
    const left = await traces(scene, async () => {
      const seen = await plane.call(owner, {
        ...request,
        path: `${request.path}${mark}validate_only=true`,
        realm: here,
        ...etagFor(binding.method, scene),
      });
      const forTokens = getOption(binding.method, requires).caller === CallerKind.TOKEN;
      const code = forTokens ? "TOKEN_REQUIRED" : "INVALID_PARAMETER_VALUE";
      expect(JSON.parse(seen.text).code).toBe(code);
    });
    expect(left).toEqual(nothing);
  });

  test.each([
    ["in a body beside other fields", "", { default: "allow", validate_only: true }, 422],
    [
      "in a body and in the query",
      "?validate_only=false",
      { default: "allow", validate_only: true },
      422,
    ],
    ["with another value", "?validate_only=1", { default: "allow" }, 400],
    ["without a value", "?validate_only", { default: "allow" }, 400],
    ["twice", "?validate_only=true&validate_only=true", { default: "allow" }, 400],
    ["in other letters", "?validateOnly=true", { default: "allow" }, 400],
  ])("said %s it is refused", async (_, query, body, status) => {
    const scene = await newScene();
    for (const owned of [`projects/${scene.projectId}`, `containers/${scene.containerId}`]) {
      const left = await traces(scene, async () => {
        const path = `/${owned}/proxy/permissions/default${query}`;
        const ifMatch = owned.startsWith("p") ? scene.projectEtag : scene.containerEtag;
        const seen = await plane.call(owner, { method: "PATCH", path, realm: here, body, ifMatch });
        expect(seen.status).toBe(status);
      });
      expect(left).toEqual(nothing);
    }
  });

  test("a whole document that has it as a field is refused", async () => {
    const scene = await newScene();
    const path = `/projects/${scene.projectId}/proxy/permissions`;
    const body = { default: "allow", validate_only: true };
    const request = { method: "PUT", path, realm: here, body, ifMatch: scene.projectEtag };
    expect(await traces(scene, () => plane.call(owner, request))).toEqual(nothing);
    expect((await plane.call(owner, request)).status).toBe(422);
  });

  test("the store does not write for one, whatever its method does", async () => {
    const { projectId } = await newScene();
    const level = ProjectLevel.EDIT;
    const scope = { userId: ownerId, realmId: null, realms: [], confinedTo: null, level };
    const key = { kind: "project", id: projectId } as const;
    const write = { expected: 1, projectVersion: null, enableProxy: true, body: null, hooks: null };
    const revision = await plane.store.revision();
    await expect(plane.store.putDocument({ ...scope, dryRun: true }, key, write)).rejects.toThrow(
      "dry run",
    );
    expect(await plane.store.revision()).toBe(revision);
  });
});

test("what a confined caller shares with other realms is refused before it is tried", async () => {
  const ids = { ownerId, memberId: guestId, guestId };
  const shared = await makeScene(plane, owner, { n: scenes++, realmIds: [here, there], ...ids });
  const { token } = await plane.data(owner, {
    method: "POST",
    path: "/auth/tokens",
    realm: null,
    body: { alias: "confined", realm_ids: [here], permission_template: "full_access" },
  });
  const path = `/projects/${shared.projectId}/proxy/permissions/default?validate_only=true`;
  const body = { default: "allow" };
  const request = { method: "PUT", path, realm: here, body, ifMatch: shared.projectEtag };
  const seen = await plane.call(`Bearer ${token}`, request);
  expect(JSON.parse(seen.text).code).toBe("SHARED_ACROSS_REALMS");
});
