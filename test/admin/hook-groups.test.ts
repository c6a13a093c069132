// Hooks and groups of one document, whichever of the two a write changes; and what a container's writes tell of its project.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import type { Store } from "../../src/admin/store/store.ts";
import {
  type CallOptions,
  call,
  openPlace,
  type Place,
  putDocument,
  refusalFrom,
  stateOf,
} from "../harness/documents.ts";

let place: Place;

beforeEach(async () => {
  place = await openPlace();
});

afterEach(() => place.store.close());

const hooks = (method: string, request: JsonObject = {}, options?: CallOptions) => {
  const service = method === "ListHooks" ? {} : { service: "terminal" };
  return call(place, `ContainerHooksService.${method}`, { ...service, ...request }, options);
};
const document = (method: string, request?: JsonObject, options?: CallOptions) =>
  call(place, `ContainerPermissionsService.${method}`, request, options);
const project = (method: string, request?: JsonObject) =>
  call(place, `ProjectPermissionsService.${method}`, request);
const settings = (method: string, request?: JsonObject, options?: CallOptions) =>
  call(place, `ContainerSettingsService.${method}`, request, options);

const plain = { match: {}, script: { path: "/a.ts" } };
const naming = (...groups: string[]) => ({ ...plain, applies_to: { groups } });
const office = { type: "ip", range: "10.0.0.0/8" };
const ops = { type: "token", value: "v", header: "X" };
const invalid = { status: 422, code: "VALIDATION_ERROR" };

describe("a hook names groups", () => {
  test("of the container's document", async () => {
    await putDocument(place, place.project, { groups: { ops } });
    await putDocument(place, place.container, { groups: { office } });
    const { hook } = await hooks("CreateHook", naming("office"));
    expect(hook.applies_to).toEqual({ groups: ["office"] });
    const refused = await refusalFrom(hooks("CreateHook", naming("ops")));
    expect(refused).toEqual({ ...invalid, at: ["/applies_to/groups"] });
    const replacing = hooks("ReplaceHook", { hook_id: hook.id, ...naming("office", "ops") });
    expect(await refusalFrom(replacing)).toEqual(refused);
  });

  test("of the project's, while the container has no document", async () => {
    await putDocument(place, place.project, { groups: { ops } });
    const { hook } = await hooks("CreateHook", naming("ops"));
    expect(await refusalFrom(hooks("CreateHook", naming("office")))).toMatchObject(invalid);
    // The project's owner does not ask the containers: a group that is gone matches nobody.
    await project("DeleteGroup", { name: "ops" });
    await hooks("CreateHook", plain);
    await hooks("MoveHook", { hook_id: hook.id, position: 1 });
    expect(await refusalFrom(hooks("CreateHook", naming("ops")))).toMatchObject(invalid);
  });

  test("of none, where there is no document", async () => {
    expect(await refusalFrom(hooks("CreateHook", naming("ops")))).toMatchObject(invalid);
  });

  test("of the project as it is when the write is made, not when it was begun", async () => {
    await putDocument(place, place.project, { groups: { ops } });
    let reads = 0;
    const store: Store = {
      ...place.store,
      async document(scope, key) {
        const view = await place.store.document(scope, key);
        if (++reads === 1) await putDocument(place, place.project, { groups: { office } });
        return view;
      },
    };
    expect(await refusalFrom(hooks("CreateHook", naming("ops"), { store }))).toMatchObject(invalid);
    expect(reads).toBe(2);
  });

  test("and what does not name one does not depend on the project's document", async () => {
    await putDocument(place, place.project, { groups: { ops } });
    const { hook } = await hooks("CreateHook", naming("ops"));
    let reads = 0;
    const store: Store = {
      ...place.store,
      async document(scope, key) {
        const view = await place.store.document(scope, key);
        reads++;
        await putDocument(place, place.project, { groups: { office } });
        return view;
      },
    };
    await hooks("CreateHook", plain, { store });
    await hooks("MoveHook", { hook_id: hook.id, position: 1 }, { store });
    await hooks("ReplaceHook", { hook_id: hook.id, ...plain }, { store });
    await hooks("DeleteHook", { hook_id: hook.id }, { store });
    expect(reads).toBe(4);
  });
});

describe("a group that hooks name", () => {
  beforeEach(async () => {
    await putDocument(place, place.container, { groups: { office, ops } });
    await hooks("CreateHook", naming("ops"));
    await hooks("CreateHook", naming("office", "ops"));
    await hooks("CreateHook", { ...plain, service: "http" });
    await hooks("CreateHook", { ...naming("ops"), service: "http" });
  });

  test("is not deleted before they are; each of them is told", async () => {
    const before = await stateOf(place, place.container);
    expect(await refusalFrom(document("DeleteGroup", { name: "ops" }))).toEqual({
      status: 409,
      code: "GROUP_IN_USE",
      at: [
        "/hooks/terminal/0/applies_to/groups",
        "/hooks/terminal/1/applies_to/groups",
        "/hooks/http/1/applies_to/groups",
      ],
    });
    expect(await stateOf(place, place.container)).toEqual(before);
    await hooks("ClearHooks");
    await hooks("ClearHooks", { service: "http" });
    expect((await document("DeleteGroup", { name: "ops" })).groups).not.toHaveProperty("ops");
  });

  test("may be changed, disabled and emptied", async () => {
    await document("SetTokenGroup", {
      name: "ops",
      group: { value: "w", header: "Y", enabled: false },
    });
    await document("ClearPermissions", { name: "ops" });
    await document("SetIpGroup", { name: "ops", group: { range: "10.0.0.0/8" } });
    expect((await hooks("ListHooks")).hooks.terminal).toHaveLength(2);
  });

  test("cannot be replaced away while they stay", async () => {
    const { hooks: present } = await document("GetPermissions");
    const without = { groups: { office }, hooks: present };
    const replacing = document("ReplacePermissions", { document: without });
    expect(await refusalFrom(replacing)).toEqual({
      ...invalid,
      at: [
        "/hooks/terminal/0/applies_to/groups",
        "/hooks/terminal/1/applies_to/groups",
        "/hooks/http/1/applies_to/groups",
      ],
    });
    const answer = await document("ReplacePermissions", { document: { groups: { office } } });
    expect(answer.hooks).toEqual({});
  });

  test("goes with the document and its hooks", async () => {
    const answer = await document("DeletePermissions");
    expect(answer).toMatchObject({ groups: {}, hooks: {}, file_version: 6 });
    expect((await hooks("ListHooks")).hooks).toEqual({});
  });
});

describe("a first document of the container", () => {
  beforeEach(async () => {
    await putDocument(place, place.project, { groups: { ops }, default: "allow" });
    await hooks("CreateHook", naming("ops"));
  });

  const firsts: [string, () => Promise<unknown>][] = [
    ["a group", () => document("SetIpGroup", { name: "office", group: { range: "10.0.0.0/8" } })],
    ["a default", () => document("SetDefault", { default: "deny" })],
    ["a setting", () => settings("UpdateSettings", { default: "deny" })],
  ];

  test.each(firsts)(
    "by %s is refused while a hook names what it would not have",
    async (_what, write) => {
      const refused = { ...invalid, at: ["/hooks/terminal/0/applies_to/groups"] };
      expect(await refusalFrom(write())).toEqual(refused);
      expect(await stateOf(place, place.container)).toMatchObject({ version: 1, body: null });
      await document("SetTokenGroup", { name: "ops", group: { value: "v", header: "X" } });
      await write();
      expect((await hooks("ListHooks")).hooks.terminal).toHaveLength(1);
    },
  );

  test("is not made by the kill switch, which always works", async () => {
    const stopped = await document("SetState", { enable_proxy: false });
    expect(stopped).toMatchObject({
      enable_proxy: false,
      groups: {},
      hooks: { terminal: [plain] },
    });
    await settings("UpdateSettings", { enable_proxy: true });
    expect(await stateOf(place, place.container)).toMatchObject({ version: 3, body: null });
  });
});

describe("hooks in a whole document", () => {
  const whole = {
    groups: { office, ops },
    permissions: { ops: { terminal: true } },
    default: "deny",
    hooks: { terminal: [naming("ops"), plain], kv: [plain], http: [] },
  };

  test("are answered with it, and stay the same when it is sent back", async () => {
    const made = await document("ReplacePermissions", { document: whole });
    expect(Object.keys(made.hooks).toSorted()).toEqual(["sqlite", "terminal"]);
    const read = await document("GetPermissions");
    expect(read.hooks).toEqual(made.hooks);
    const { file_version: _1, etag: _2, schema_version: _3, ...sent } = read;
    const again = await document("ReplacePermissions", { document: sent });
    const warnings = [expect.stringContaining("only IPv4 ranges")];
    expect(again).toEqual({ ...read, file_version: 2, etag: "file:v2", warnings });
    expect((await hooks("ListHooks")).hooks).toEqual(made.hooks);
  });

  test("are removed where they are left out, and stay in every other write", async () => {
    const { hooks: made } = await document("ReplacePermissions", { document: whole });
    const writes: (() => Promise<unknown>)[] = [
      () => document("SetDefault", { default: "allow" }),
      () => document("SetState", { enable_proxy: false }),
      () => document("SetIpGroup", { name: "g", group: { range: "10.0.0.0/8" } }),
      () => document("SetPermission", { name: "g", program: "http", access: true }),
      () => document("DeletePermission", { name: "g", program: "http" }),
      () => document("ClearPermissions", { name: "g" }),
      () => document("DeleteGroup", { name: "g" }),
      () => settings("UpdateSettings", { enable_proxy: true, default: "deny" }),
      () => settings("UpdateSettings", { enable_proxy: false }),
    ];
    for (const write of writes) {
      await write();
      expect((await hooks("ListHooks")).hooks).toEqual(made);
    }
    await document("ReplacePermissions", { document: { ...whole, hooks: {} } });
    expect((await hooks("ListHooks")).hooks).toEqual({});
  });

  test("are refused together with all else that is wrong with it", async () => {
    const bad = {
      groups: { office: { type: "ip", range: "10/8" } },
      hooks: { terminal: [naming("office"), naming("ops")] },
    };
    expect(await refusalFrom(document("ReplacePermissions", { document: bad }))).toEqual({
      status: 400,
      code: "INVALID_PERMISSIONS_DOCUMENT",
      at: ["/groups/office/range", "/hooks/terminal/1/applies_to/groups"],
    });
  });

  test("do not exist in a project's", async () => {
    const refused = { ...invalid, at: ["/hooks"] };
    const replacing = project("ReplacePermissions", { document: whole });
    expect(await refusalFrom(replacing)).toEqual(refused);
    const { hooks: _, ...without } = whole;
    expect((await project("ReplacePermissions", { document: without })).hooks).toEqual({});
  });
});

describe("of a project that the caller does not see", () => {
  const inRealm = (): CallOptions => ({ scope: place.realmScope });

  /** What the container's writes answer, one after the other, in a place of its own. */
  async function answers(projectDocument: JsonObject | null): Promise<unknown[]> {
    await place.store.close();
    place = await openPlace();
    if (projectDocument !== null) await putDocument(place, place.project, projectDocument);
    const shown = (answer: Record<string, unknown>) => {
      const { project: _1, container: _2, hook, hooks: _3, ...rest } = answer;
      return { ...rest, ...(hook === undefined ? {} : { hook: "made" }) };
    };
    const all: unknown[] = [];
    const say = async (calling: Promise<Record<string, unknown>>) => {
      all.push(await calling.then(shown).catch(async () => refusalFrom(calling)));
    };
    await say(document("GetPermissions", {}, inRealm()));
    await say(settings("GetSettings", {}, inRealm()));
    await say(hooks("CreateHook", plain, inRealm()));
    await say(hooks("CreateHook", naming("ops"), inRealm()));
    await say(document("SetState", { enable_proxy: true }, inRealm()));
    const group = { name: "mine", group: { range: "10.0.0.0/8" } };
    await say(document("SetIpGroup", group, inRealm()));
    await say(settings("GetSettings", {}, inRealm()));
    await say(document("DeletePermissions", {}, inRealm()));
    await say(settings("UpdateSettings", { enable_proxy: false }, inRealm()));
    await say(document("DeleteGroup", { name: "ops" }, inRealm()));
    await say(document("SetPermission", { name: "ops", program: "http", access: true }, inRealm()));
    await say(document("SetDefault", { default: "allow" }, inRealm()));
    return all;
  }

  test("a container's writes tell nothing", async () => {
    const closed = await answers({ groups: { ops }, default: "deny" });
    expect(await answers({ groups: { ops }, default: "allow" })).toEqual(closed);
    expect(await answers(null)).toEqual(closed);
  });

  test("a container's first group closes it, as that cannot open anything", async () => {
    await putDocument(place, place.project, { default: "allow" });
    const group = { name: "mine", group: { range: "10.0.0.0/8" } };
    expect((await document("SetIpGroup", group, inRealm())).default).toBe("deny");
  });

  test("no group can be named", async () => {
    await putDocument(place, place.project, { groups: { ops } });
    expect(await refusalFrom(hooks("CreateHook", naming("ops"), inRealm()))).toMatchObject(invalid);
    await hooks("CreateHook", naming("ops"));
  });

  test("what happens to its document does not hinder a write", async () => {
    let reads = 0;
    const store: Store = {
      ...place.store,
      async document(scope, key) {
        const view = await place.store.document(scope, key);
        reads++;
        await putDocument(place, place.project, { groups: { ops } });
        return view;
      },
    };
    const group = { name: "mine", group: { range: "10.0.0.0/8" } };
    await document("SetIpGroup", group, { ...inRealm(), store });
    expect(reads).toBe(1);
  });
});
