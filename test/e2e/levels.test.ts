// What each level may do: every method that acts in a project × stranger, member of each level, owner. What is expected is
// read from the method's own option.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type DescMethod, type DescService, fromJson, getOption } from "@bufbuild/protobuf";
import { Glob } from "bun";
import { ProjectLevel, ResourceKind, requires } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { before, requests } from "../contract/method-table/requests.ts";
import { lookAt, makeScene, type Scene } from "../contract/method-table/scene.ts";
import { ControlPlane } from "../harness/control-plane.ts";

/** What each caller may do in every project of this test. */
const levels = {
  stranger: ProjectLevel.UNSPECIFIED,
  reader: ProjectLevel.READ,
  editor: ProjectLevel.EDIT,
  remover: ProjectLevel.DELETE,
  owner: ProjectLevel.DELETE,
} as const;
type CallerName = keyof typeof levels;
const callers = Object.keys(levels) as CallerName[];

const missing = new Map<ResourceKind | undefined, string>([
  [ResourceKind.PROJECT, "PROJECT_NOT_FOUND"],
  [ResourceKind.CONTAINER, "CONTAINER_NOT_FOUND"],
  [ResourceKind.ALIAS, "ALIAS_NOT_FOUND"],
]);

const methods = (await servicesOfContract())
  .flatMap((service) => service.methods)
  .filter((method) => getOption(method, requires).level !== ProjectLevel.UNSPECIFIED);

const plane = new ControlPlane();
const ids = new Map<string, string>();
const sessions = new Map<string, string>();
/** Nobody who acts on it may: it stays as it is. */
let untouched: Scene;

beforeAll(async () => {
  plane.at(0);
  const passwordHash = "";
  await plane.store.createFirstUser({ username: "owner", passwordHash });
  await plane.store.registerServer("local");
  for (const username of [...callers, "member", "guest"]) {
    const email = `${username}@example.com`;
    if (username !== "owner") await plane.store.createUser({ username, email, passwordHash });
    const user = await plane.store.userForLogin({ username });
    ids.set(username, user?.id ?? "");
    sessions.set(username, await plane.session(username));
  }
  untouched = await newScene();
});

afterAll(() => plane[Symbol.asyncDispose]());

/** Every service that the generated files describe. */
async function servicesOfContract(): Promise<DescService[]> {
  const folder = join(import.meta.dir, "../../proto/gen/realmgate/v1");
  const services: DescService[] = [];
  for (const file of new Glob("*_pb.ts").scanSync({ cwd: folder })) {
    const exported: Record<string, unknown> = await import(join(folder, file));
    for (const each of Object.values(exported)) if (isService(each)) services.push(each);
  }
  return services;
}

function isService(value: unknown): value is DescService {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "service";
}

const nameOf = (method: DescMethod) => `${method.parent.name}.${method.name}`;
const idOf = (username: string) => ids.get(username) ?? "";
const sessionOf = (username: string) => sessions.get(username) ?? "";

let scenes = 0;

/** One of everything, with a member of each level. */
async function newScene(): Promise<Scene> {
  const owner = sessionOf("owner");
  const scene = await makeScene(plane, owner, {
    n: scenes++,
    realmIds: [],
    ownerId: idOf("owner"),
    memberId: idOf("member"),
    guestId: idOf("guest"),
  });
  for (const [username, permission_level] of [
    ["reader", "read"],
    ["editor", "edit"],
    ["remover", "delete"],
  ] as const) {
    const body = { user_id: idOf(username), permission_level };
    const path = `/projects/${scene.projectId}/permissions`;
    await plane.data(owner, { method: "POST", path, realm: null, body });
  }
  return scene;
}

/** Calls a method with a request that would do; the code of the refusal, or "". */
async function codeFor(method: DescMethod, caller: CallerName, scene: Scene): Promise<string> {
  const request = requests[nameOf(method)];
  if (request === undefined) throw new Error(`${nameOf(method)} has no request`);
  const ofProject = method.parent.name === "ProjectPermissionsService";
  const ifMatch = ofProject ? scene.projectEtag : scene.containerEtag;
  const got = await plane.grpc(
    sessionOf(caller),
    method,
    fromJson(method.input, request(scene)),
    getOption(method, requires).ifMatch ? { realm: null, ifMatch } : { realm: null },
  );
  return got.ok ? "" : got.code;
}

test("every method that acts in a project is tried", () => {
  expect(methods.map(nameOf).filter((name) => !(name in requests))).toEqual([]);
  expect(methods.length).toBeGreaterThan(50);
});

describe.each(methods.map((method) => [nameOf(method), method] as const))("%s", (name, method) => {
  const { level, resource } = getOption(method, requires);
  const allowed = callers.filter((caller) => levels[caller] >= level);
  const refused = callers.filter((caller) => levels[caller] < level);

  test.each([...allowed])("is for the %s", async (caller) => {
    const scene = await newScene();
    const first = before[name];
    if (first !== undefined) {
      const path = `/containers/${scene.containerId}/${first}`;
      await plane.data(sessionOf("owner"), { method: "POST", path, realm: null });
    }
    expect(await codeFor(method, caller, scene)).toBe("");
  });

  test.each(refused)("is not for the %s", async (caller) => {
    const seen = await lookAt(plane, sessionOf("owner"), untouched);
    const notFound = missing.get(resource?.kind) ?? "";
    expect(await codeFor(method, caller, untouched)).toBe(
      caller === "stranger" ? notFound : "INSUFFICIENT_PERMISSIONS",
    );
    expect(await lookAt(plane, sessionOf("owner"), untouched)).toBe(seen);
  });
});
