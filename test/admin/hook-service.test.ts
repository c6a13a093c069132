import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { type Random, randomFrom } from "../arbitrary/random.ts";
import {
  type CallOptions,
  call,
  openPlace,
  type Place,
  refusalFrom,
  stateOf,
} from "../harness/documents.ts";

let place: Place;

beforeEach(async () => {
  place = await openPlace();
});

afterEach(() => place.store.close());

const hooks = (method: string, request?: JsonObject, options?: CallOptions) =>
  call(place, `ContainerHooksService.${method}`, request, options);
const document = (method: string, request?: JsonObject, options?: CallOptions) =>
  call(place, `ContainerPermissionsService.${method}`, request, options);

const script = { path: "/a.ts" };
const plain = { match: {}, script };
const forOffice = { ...plain, applies_to: { groups: ["office"] } };
const terminal = { service: "terminal" };

/** Adds a hook; its id. */
async function add(hook: JsonObject = plain, service = "terminal"): Promise<string> {
  return (await hooks("CreateHook", { service, ...hook })).hook.id;
}

/** The ids of a program's hooks in their order, once the positions are seen to count from 0. */
async function order(service = "terminal"): Promise<string[]> {
  const list: { id: string; position: number }[] = (await hooks("ListServiceHooks", { service }))
    .hooks;
  expect(list.map(({ position }) => position)).toEqual(list.map((_, index) => index));
  return list.map(({ id }) => id);
}

describe("hooks one by one", () => {
  test("a hook is answered with its defaults and the version that it made", async () => {
    const made = await hooks("CreateHook", { ...terminal, ...plain });
    const id = expect.stringMatching(/^[0-9a-hjkmnp-tv-z]{26}$/);
    const hook = { id, position: 0, match: { headers: {} }, script, timeout: 500 };
    expect(made).toEqual({
      hook: { ...hook, on_error: "closed" },
      file_version: 1,
      etag: "file:v1",
    });
    expect(await hooks("GetHook", { ...terminal, hook_id: made.hook.id })).toEqual(made);
    const { hooks: list, ...version } = await hooks("ListServiceHooks", terminal);
    expect([list, version]).toEqual([
      [made.hook],
      { service: "terminal", file_version: 1, etag: "file:v1" },
    ]);
  });

  test("are listed by program as they are on their own", async () => {
    await add();
    await add(plain, "http");
    const { hooks: lists, ...version } = await hooks("ListHooks");
    expect(version).toEqual({ file_version: 2, etag: "file:v2" });
    expect(Object.keys(lists).toSorted()).toEqual(["http", "terminal"]);
    const [one] = (await hooks("ListServiceHooks", terminal)).hooks;
    expect(lists.terminal).toEqual([{ ...one, match: {} }]);
  });

  test.each([
    [undefined, "abcX"],
    [0, "Xabc"],
    [1, "aXbc"],
    [2, "abXc"],
    [3, "abcX"],
    [4, "abcX"],
    [2 ** 31 - 1, "abcX"],
  ])("one that is put at position %p stands there", async (position, expected) => {
    const names = new Map<string, string>();
    for (const name of "abc") names.set(await add(), name);
    names.set(await add({ ...plain, ...(position === undefined ? {} : { position }) }), "X");
    expect((await order()).map((id) => names.get(id)).join("")).toBe(expected);
  });

  test.each([
    ["a", 0, "abcd"],
    ["a", 1, "bacd"],
    ["a", 3, "bcda"],
    ["a", 99, "bcda"],
    ["d", 0, "dabc"],
    ["c", 1, "acbd"],
    ["b", 2, "acbd"],
  ])("%s moved to %d gives %s", async (name, position, expected) => {
    const names = new Map<string, string>();
    for (const each of "abcd") names.set(await add(), each);
    const [hook_id = ""] = [...names].find(([, each]) => each === name) ?? [];
    const { hook } = await hooks("MoveHook", { ...terminal, hook_id, position });
    expect(hook).toMatchObject({ id: hook_id, position: expected.indexOf(name) });
    expect((await order()).map((id) => names.get(id)).join("")).toBe(expected);
  });

  test("one that is replaced keeps its id and its place, and nothing else", async () => {
    const match = { path: "/x", headers: { a: "1" } };
    const ids = [await add(), await add({ ...plain, match, timeout: 9, on_error: "open" })];
    const [, hook_id = ""] = ids;
    const other = { match: { method: "get" }, script: { path: "/b.ts" }, position: 0 };
    const { hook } = await hooks("ReplaceHook", { ...terminal, hook_id, ...other });
    expect(hook).toEqual({
      id: hook_id,
      position: 1,
      match: { method: "GET", headers: {} },
      script: { path: "/b.ts" },
      timeout: 500,
      on_error: "closed",
    });
    expect(await order()).toEqual(ids);
  });

  test("those behind one that is deleted move up", async () => {
    const [a = "", b = "", c = ""] = [await add(), await add(), await add()];
    const answer = await hooks("DeleteHook", { ...terminal, hook_id: b });
    expect(answer).toEqual({ file_version: 4, etag: "file:v4" });
    expect(await order()).toEqual([a, c]);
  });

  test("those of one program are cleared; the others stay", async () => {
    await Promise.all([await add(), await add()]);
    const other = await add(plain, "http");
    const answer = await hooks("ClearHooks", terminal);
    expect(answer).toEqual({ removed: 2, file_version: 4, etag: "file:v4" });
    expect([await order(), await order("http")]).toEqual([[], [other]]);
    expect((await hooks("ClearHooks", terminal)).removed).toBe(0);
    expect(Object.keys((await hooks("ListHooks")).hooks)).toEqual(["http"]);
  });

  test("a program goes by its other names, too", async () => {
    const hook_id = await add(plain, "kv");
    expect((await hooks("GetHook", { service: "db", hook_id })).hook.id).toBe(hook_id);
    expect((await hooks("ListServiceHooks", { service: "kv" })).service).toBe("sqlite");
    expect(Object.keys((await hooks("ListHooks")).hooks)).toEqual(["sqlite"]);
  });

  test("they are no part of what policy reads, and sealed where they are stored", async () => {
    await add();
    expect(await stateOf(place, place.container)).toMatchObject({ body: null, version: 1 });
    const answer = await document("GetPermissions");
    expect(answer).toMatchObject({ default: "allow", groups: {}, hooks: { terminal: [plain] } });
  });
});

describe("any sequence of operations leaves what it would leave of plain arrays", () => {
  const programs = ["terminal", "http", "files", "my-own", "exec"] as const;
  type Model = Map<string, { id: string; path: string }[]>;
  let step = 0;

  async function operate(random: Random, model: Model): Promise<void> {
    const service = random.pick(programs);
    const list = model.get(service) ?? [];
    const path = `/${++step}.ts`;
    const hook = { match: {}, script: { path } };
    const chosen = random.below(Math.max(list.length, 1));
    const at = { service, hook_id: list[chosen]?.id ?? "0".repeat(26) };
    const position = random.below(10);
    const total = [...model.values()].flat().length;
    const operation = random.pick(["add", "add", "insert", "replace", "delete", "move", "clear"]);
    const isMissing = list.length === 0 && ["replace", "delete", "move"].includes(operation);
    const isFull = list.length === 8 || total === 32;
    const request = {
      add: () => hooks("CreateHook", { service, ...hook }),
      insert: () => hooks("CreateHook", { service, ...hook, position }),
      replace: () => hooks("ReplaceHook", { ...at, ...hook, position }),
      delete: () => hooks("DeleteHook", at),
      move: () => hooks("MoveHook", { ...at, position }),
      clear: () => hooks("ClearHooks", { service }),
    }[operation];
    if (request === undefined) throw new Error(operation);
    if (operation === "clear" && random.chance(0.8)) return;
    if (isMissing) {
      expect((await refusalFrom(request())).code).toBe("NOT_FOUND");
    } else if (isFull && ["add", "insert"].includes(operation)) {
      expect(await refusalFrom(request())).toMatchObject({ status: 422, at: ["/service"] });
    } else {
      const answer = await request();
      if (operation === "add") list.push({ id: answer.hook.id, path });
      if (operation === "insert") list.splice(position, 0, { id: answer.hook.id, path });
      if (operation === "replace") list[chosen] = { id: at.hook_id, path };
      if (operation === "delete") list.splice(chosen, 1);
      if (operation === "move") list.splice(position, 0, ...list.splice(chosen, 1));
      if (operation === "clear") list.length = 0;
      model.set(service, list);
    }
  }

  test.each(Array.from({ length: 12 }, (_, seed) => seed))("seed %d", async (seed) => {
    const random = randomFrom(seed);
    const model: Model = new Map();
    let most = 0;
    for (let operations = 0; operations < 120; operations++) {
      await operate(random, model);
      most = Math.max(most, [...model.values()].flat().length);
      const { hooks: lists } = await hooks("ListHooks");
      const expected = [...model].filter(([, list]) => list.length > 0);
      expect(lists).toEqual(
        Object.fromEntries(
          expected.map(([service, list]) => [
            service,
            list.map(({ id, path }, position) => ({
              ...plain,
              id,
              position,
              script: { path },
              timeout: 500,
              on_error: "closed",
            })),
          ]),
        ),
      );
    }
    expect(most).toBeGreaterThan(12);
  });
});

describe("what is refused, and in which order", () => {
  const nothing = "0".repeat(26);
  const one = { ...terminal, hook_id: nothing };
  const writes: [string, JsonObject][] = [
    ["CreateHook", { ...terminal, ...plain }],
    ["ClearHooks", terminal],
    ["ReplaceHook", { ...one, ...plain }],
    ["DeleteHook", one],
    ["MoveHook", { ...one, position: 0 }],
  ];
  const reads: [string, JsonObject][] = [
    ["ListServiceHooks", terminal],
    ["GetHook", one],
  ];

  test.each(["logs", "proxy", "workspaces", "cdp", "egress", "proxy-logs"])(
    "%s takes no hooks: 404 on every route, before a version is asked for",
    async (service) => {
      for (const [method, request] of [...writes, ...reads]) {
        const refused = hooks(method, { ...request, service }, { version: null });
        expect(await refusalFrom(refused)).toMatchObject({ status: 404, code: "NOT_FOUND" });
      }
    },
  );

  test.each(writes)(
    "%s without a version, with an old one, of a container not there",
    async (method, request) => {
      await add({ ...plain, timeout: 1 }, "http");
      const status = async (options: CallOptions, more = {}) =>
        (await refusalFrom(hooks(method, { ...request, ...more }, options))).status;
      expect(await status({ version: null })).toBe(428);
      expect(await status({ version: 0 })).toBe(412);
      expect(await status({ version: null }, { id: nothing.slice(0, 24) })).toBe(404);
      const nobody = { ...place.scope, userId: nothing.slice(0, 24) };
      expect(await status({ version: null, scope: nobody })).toBe(404);
      expect(await stateOf(place, place.container)).toMatchObject({ version: 1 });
    },
  );

  test.each([...writes.slice(2), ...reads.slice(1)])(
    "%s of a hook that is not there",
    async (method, request) => {
      const elsewhere = await add(plain, "http");
      for (const hook_id of [nothing, elsewhere]) {
        const refused = await refusalFrom(hooks(method, { ...request, hook_id }));
        expect(refused).toMatchObject({ status: 404, code: "NOT_FOUND" });
      }
    },
  );

  test("everything that is wrong with a hook is said at once", async () => {
    for (let count = 0; count < 8; count++) await add();
    const wrong = {
      match: { method: "FETCH", headers: { "a b": "1" } },
      script: { path: "/../a" },
      applies_to: { groups: ["ghost"] },
    };
    const at = ["/match/headers/a b", "/match/method", "/applies_to/groups", "/script/path"];
    const created = await refusalFrom(hooks("CreateHook", { ...terminal, ...wrong }));
    expect(created).toMatchObject({ status: 422, code: "VALIDATION_ERROR" });
    expect(created.at.toSorted()).toEqual([...at, "/service"].toSorted());
    const [hook_id = ""] = await order();
    const replaced = await refusalFrom(hooks("ReplaceHook", { ...terminal, hook_id, ...wrong }));
    expect(replaced.at.toSorted()).toEqual(at.toSorted());
  });

  test("a container has at most 32 hooks, whichever programs they are for", async () => {
    const programs = ["terminal", "http", "files", "exec"];
    for (const service of programs)
      for (let count = 0; count < 8; count++) await add(plain, service);
    const refused = { status: 422, code: "VALIDATION_ERROR", at: ["/service"] };
    expect(await refusalFrom(hooks("CreateHook", { service: "code", ...plain }))).toEqual(refused);
    const [hook_id = ""] = await order("exec");
    await hooks("ReplaceHook", { service: "exec", hook_id, ...plain, timeout: 1 });
    await hooks("DeleteHook", { service: "exec", hook_id });
    await add(plain, "code");
  });

  test("a version that is refused is not written, and its hook has no trace", async () => {
    await add();
    const before = await stateOf(place, place.container);
    await refusalFrom(hooks("CreateHook", { ...terminal, ...forOffice }));
    await refusalFrom(hooks("CreateHook", { ...terminal, ...plain }, { version: 0 }));
    expect(await stateOf(place, place.container)).toEqual(before);
  });

  test("many small hooks are not more than one big document may be", async () => {
    const headers = Object.fromEntries(
      Array.from({ length: 30 }, (_, index) => [`x-${index}`, "v".repeat(1000)]),
    );
    const big = { match: { headers }, script };
    for (let count = 0; count < 8; count++) await add(big);
    const refused = hooks("CreateHook", {
      service: "http",
      ...big,
      match: {
        headers: {
          ...headers,
          more: "v".repeat(20_000),
        },
      },
    });
    expect(await refusalFrom(refused)).toMatchObject({ status: 413 });
    await add(plain, "http");
    const group = { value: "v".repeat(8000), header: "a" };
    await document("SetTokenGroup", { name: "one", group });
    await document("SetTokenGroup", { name: "two", group });
    const third = document("SetTokenGroup", { name: "three", group });
    expect(await refusalFrom(third)).toMatchObject({ status: 413 });
    // What is there can still be stopped and taken away.
    await document("SetState", { enable_proxy: false });
    await hooks("ClearHooks", terminal);
    await document("SetTokenGroup", { name: "three", group });
  });
});
