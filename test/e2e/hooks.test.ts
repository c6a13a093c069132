// Hooks of a container over REST: the routes as documented, many writers at once, and what a restart keeps.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Answer,
  type Api,
  enforced,
  loginAdmin,
  makePlace,
  type Place,
} from "../harness/client.ts";
import { type Program, startProgram } from "../harness/program.ts";

let program: Program;
let api: Api;

beforeAll(async () => {
  program = await startProgram();
  api = await loginAdmin(program.urls);
});

afterAll(() => program[Symbol.asyncDispose]());

const newPlace = (): Promise<Place> => makePlace(api, program.urls, 9);
const script = { path: "/a.ts" };
const plain = { match: {}, script };
const office = { type: "ip", range: "10.0.0.0/8" };

/** What is written below `/proxy` of a container, and the version that the writer saw. */
class ProxyConfig {
  readonly path: string;

  constructor({ containerId }: Place) {
    this.path = `/containers/${containerId}/proxy`;
  }

  call(method: string, path: string, version: number | null, body?: unknown): Promise<Answer> {
    return api.call(method, `${this.path}${path}`, {
      ...(body === undefined ? {} : { body }),
      ...(version === null ? {} : { headers: { "if-match": `file:v${version}` } }),
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests say what they expect of it.
  get(path: string): Promise<any> {
    return api.data("GET", `${this.path}${path}`);
  }
}

const newProxy = async () => new ProxyConfig(await newPlace());
const ofHooks = (lists: Record<string, { id: string; position: number }[]>) =>
  Object.values(lists).flat();

describe("of 64 writers that saw one version exactly one wins", () => {
  const writers = 64;

  test("when all add a hook, round for round, and positions have no gap", async () => {
    const proxy = await newProxy();
    const winners: string[] = [];
    for (let round = 0; round < 8; round++) {
      const answers = await Promise.all(
        Array.from({ length: writers }, (_, writer) => {
          const body = {
            ...plain,
            script: { path: `/${round}-${writer}.ts` },
            position: writer % 9,
          };
          return proxy.call("POST", "/hooks/terminal", round, body);
        }),
      );
      const won = answers.filter(({ status }) => status === 201);
      expect(won).toHaveLength(1);
      expect(answers.filter(({ status }) => status === 412)).toHaveLength(writers - 1);
      winners.push(won[0]?.body.data.hook.id);
      const { hooks, file_version } = await proxy.get("/hooks");
      expect(file_version).toBe(round + 1);
      expect(hooks.terminal.map(({ position }: { position: number }) => position)).toEqual(
        winners.map((_, index) => index),
      );
      expect(
        ofHooks(hooks)
          .map(({ id }) => id)
          .toSorted(),
      ).toEqual(winners.toSorted());
    }
  });

  test("whatever each of them writes, and to whatever part of the document", async () => {
    const proxy = await newProxy();
    await proxy.call("PUT", "/permissions", 0, {
      groups: { office },
      hooks: { terminal: [plain, plain, plain], http: [plain] },
    });
    for (let round = 1; round <= 4; round++) {
      const { hooks } = await proxy.get("/hooks");
      const list: { id: string }[] = hooks.terminal ?? [];
      const ids = [...list.map(({ id }) => id), "0".repeat(26)];
      const answers = await Promise.all(
        Array.from({ length: writers }, (_, writer) => {
          const one = `/hooks/terminal/${ids[writer % ids.length]}`;
          const writes: [string, string, unknown?][] = [
            ["POST", "/hooks/terminal", plain],
            ["PATCH", one, { ...plain, timeout: writer + 1 }],
            ["PATCH", `${one}/position`, { position: writer % 4 }],
            ["DELETE", one],
            ["PATCH", "/settings", { default: "deny" }],
            ["PATCH", "/permissions/state", { enable_proxy: true }],
            ["PUT", "/permissions", { groups: { office }, hooks }],
            ["PATCH", "/permissions/groups/ops/ip", { range: "10.0.0.0/8" }],
          ];
          const [method, path, body] = writes[writer % writes.length] ?? ["GET", "/hooks"];
          return proxy.call(method, path, round, body);
        }),
      );
      const won = answers.filter(({ status }) => status < 300);
      expect(won).toHaveLength(1);
      // Who comes first and asks for what is not there loses, too; the rest may be as late as they are.
      for (const { status } of answers) expect([200, 201, 404, 412]).toContain(status);
      const after = await proxy.get("/hooks");
      expect(after.file_version).toBe(round + 1);
      for (const each of Object.values<{ position: number }[]>(after.hooks)) {
        expect(each.map(({ position }) => position)).toEqual(each.map((_, index) => index));
      }
      const all = ofHooks(after.hooks).map(({ id }) => id);
      expect(new Set(all).size).toBe(all.length);
    }
  });
});

describe("the routes", () => {
  test("answer with the version in the body and as ETag, and writes with their revision", async () => {
    const proxy = await newProxy();
    const made = await proxy.call("POST", "/hooks/terminal", 0, { ...plain, timeout: 9 });
    expect([made.status, made.body.message]).toEqual([201, "Proxy hook created successfully"]);
    const { id } = made.body.data.hook;
    const at = `/hooks/terminal/${id}`;
    const calls: [string, string, unknown, string[]][] = [
      ["GET", "/hooks", undefined, ["etag", "file_version", "hooks"]],
      ["GET", "/hooks/terminal", undefined, ["etag", "file_version", "hooks", "service"]],
      ["GET", at, undefined, ["etag", "file_version", "hook"]],
      ["PATCH", at, plain, ["etag", "file_version", "hook"]],
      ["PUT", at, plain, ["etag", "file_version", "hook"]],
      ["PATCH", `${at}/position`, { position: 3 }, ["etag", "file_version", "hook"]],
      ["PUT", `${at}/position`, { position: 0 }, ["etag", "file_version", "hook"]],
      ["DELETE", at, undefined, ["etag", "file_version"]],
      ["DELETE", "/hooks/terminal", undefined, ["etag", "file_version", "removed"]],
    ];
    let version = 1;
    for (const [method, path, body, keys] of calls) {
      const isWrite = method !== "GET";
      const answer = await proxy.call(method, path, isWrite ? version++ : null, body);
      expect([method, path, answer.status]).toEqual([method, path, 200]);
      expect(Object.keys(answer.body.data).toSorted()).toEqual(keys);
      expect(answer.body.data).toMatchObject({ file_version: version, etag: `file:v${version}` });
      expect(answer.headers.get("etag")).toBe(`"file:v${version}"`);
      expect(answer.headers.has("x-realmgate-revision")).toBe(isWrite);
      if (isWrite) await enforced(program.urls, answer);
    }
  });

  test("show a hook the same wherever it stands", async () => {
    const proxy = await newProxy();
    const match = { method: ["get", "POST"], path: "/x/*", headers: { "X-A": "1" } };
    const hook = { match, script: { ...script, subdomain: "default", execId: "e1" } };
    for (const body of [plain, hook]) {
      const { file_version } = await proxy.get("/hooks");
      await proxy.call("POST", "/hooks/terminal", file_version, body);
    }
    const { hooks } = await proxy.get("/hooks/terminal");
    expect(hooks[1]).toEqual({
      id: hooks[1].id,
      position: 1,
      match: { method: ["GET", "POST"], path: "/x/*", headers: { "x-a": "1" } },
      script: hook.script,
      timeout: 500,
      on_error: "closed",
    });
    expect((await proxy.get("/hooks")).hooks).toEqual({ terminal: hooks });
    expect((await proxy.get("/permissions")).hooks).toEqual({ terminal: hooks });
    expect((await proxy.get("/services/terminal")).hooks).toEqual(hooks);
    for (const each of hooks) {
      expect((await proxy.get(`/hooks/terminal/${each.id}`)).hook).toEqual(each);
    }
  });

  test.each<[unknown, string[]]>([
    [{ script }, ["/match"]],
    [{ match: {} }, ["/script"]],
    [{ ...plain, timeout: 0 }, ["/timeout"]],
    [{ ...plain, timeout: 30_001 }, ["/timeout"]],
    [{ ...plain, position: -1 }, ["/position"]],
    [{ ...plain, on_error: "maybe" }, ["/on_error"]],
    [{ ...plain, match: { path: "no" } }, ["/match/path"]],
    [{ ...plain, match: { method: ["*"] } }, ["/match/method"]],
    [{ ...plain, match: { headers: { A: "1", a: "2" } } }, ["/match/headers/a"]],
    [{ ...plain, script: { path: "/a/../b" } }, ["/script/path"]],
    [{ ...plain, script: { path: "/a", execId: "" } }, ["/script/execId"]],
    [{ ...plain, applies_to: { groups: [] } }, ["/applies_to/groups"]],
    [{ ...plain, applies_to: { groups: ["ghost"] } }, ["/applies_to/groups"]],
    [{ ...plain, what: 1 }, ["/what"]],
  ])("refuse %j at %j", async (body, at) => {
    const proxy = await newProxy();
    const { status, body: refused } = await proxy.call("POST", "/hooks/terminal", 0, body);
    expect([status, refused.code, refused.error]).toEqual([
      422,
      "VALIDATION_ERROR",
      "Validation Error",
    ]);
    const paths = refused.data.map(({ instancePath }: { instancePath: string }) => instancePath);
    expect([...new Set(paths)]).toEqual(at);
    expect((await proxy.get("/hooks")).file_version).toBe(0);
  });

  test("refuse a write without a version, with an old and with a malformed one", async () => {
    const proxy = await newProxy();
    expect((await proxy.call("POST", "/hooks/terminal", null, plain)).status).toBe(428);
    expect((await proxy.call("POST", "/hooks/terminal", 1, plain)).status).toBe(412);
    const headers = { "if-match": "*" };
    const call = await api.call("DELETE", `${proxy.path}/hooks/terminal`, { headers });
    expect(call.status).toBe(412);
  });

  test("do not exist for programs that take no hooks, and for malformed names", async () => {
    const proxy = await newProxy();
    for (const service of ["logs", "proxy", "workspaces", "cdp", "egress"]) {
      const { status, body } = await proxy.call("GET", `/hooks/${service}`, null);
      expect([status, body.code]).toEqual([404, "NOT_FOUND"]);
    }
    expect((await proxy.call("GET", "/hooks/Terminal", null)).status).toBe(422);
    expect((await proxy.call("GET", "/hooks/terminal/nope", null)).status).toBe(422);
  });
});

describe("a document with hooks", () => {
  const whole = {
    groups: { office },
    permissions: { office: { terminal: true } },
    hooks: { terminal: [{ ...plain, applies_to: { groups: ["office"] } }, plain], http: [plain] },
  };

  test("comes back from {...config} with the ids it had; only what is changed gets a new one", async () => {
    const proxy = await newProxy();
    const made = await proxy.call("PATCH", "/permissions", 0, whole);
    expect(made.status).toBe(200);
    const config = await proxy.get("/permissions");
    const { body } = await proxy.call("PUT", "/permissions", 1, { ...config });
    expect(body.data.hooks).toEqual(config.hooks);
    const [first, second] = config.hooks.terminal;
    const changed = { ...config.hooks, terminal: [first, { ...second, timeout: 7 }] };
    const third = await proxy.call("PUT", "/permissions", 2, { ...config, hooks: changed });
    const [kept, fresh] = third.body.data.hooks.terminal;
    expect(kept).toEqual(first);
    expect(fresh).toEqual({ ...second, timeout: 7, id: expect.not.stringMatching(second.id) });
    expect(third.body.data.hooks.http).toEqual(config.hooks.http);
    const last = await proxy.call("PUT", "/permissions", 3, { ...config, hooks: undefined });
    expect(last.body.data).not.toHaveProperty("hooks");
  });

  test("takes a program's hooks as JSON text, as shells send them", async () => {
    const proxy = await newProxy();
    const hooks = { terminal: JSON.stringify([plain]) };
    const { status, body } = await proxy.call("PUT", "/permissions", 0, { hooks });
    expect([status, body.data.hooks.terminal]).toMatchObject([200, [plain]]);
  });

  test("is refused with pointers into what was sent", async () => {
    const proxy = await newProxy();
    const hooks = { terminal: [plain, { ...plain, timeout: 0, x: 1 }], logs: [plain] };
    const { status, body } = await proxy.call("PUT", "/permissions", 0, { hooks });
    const paths = body.data.map(({ instancePath }: { instancePath: string }) => instancePath);
    expect([status, paths]).toEqual([422, ["/hooks/terminal/1/x", "/hooks/logs"]]);
    const project = await newPlace();
    const options = { body: { hooks: { terminal: [plain] } }, headers: { "if-match": "file:v0" } };
    const of = await api.call("PUT", `/projects/${project.projectId}/proxy/permissions`, options);
    expect([of.status, of.body.data[0].instancePath]).toEqual([422, "/hooks"]);
  });

  test("keeps a group that hooks name, and tells which do", async () => {
    const proxy = await newProxy();
    await proxy.call("PUT", "/permissions", 0, whole);
    const { status, body } = await proxy.call("DELETE", "/permissions/groups/office", 1);
    expect([status, body.code]).toEqual([409, "GROUP_IN_USE"]);
    expect(body.data).toMatchObject([{ instancePath: "/hooks/terminal/0/applies_to/groups" }]);
    const gone = await proxy.call("DELETE", "/permissions", 1);
    expect(gone.body.data).not.toHaveProperty("hooks");
    expect((await proxy.get("/hooks")).hooks).toEqual({});
  });
});

test("hooks survive a restart, and no byte of them can be read in the data directory", async () => {
  const first = await startProgram();
  const mark = "/never-in-the-clear-7c1f.ts";
  let containerId = "";
  {
    const owner = await loginAdmin(first.urls);
    ({ containerId } = await makePlace(owner, first.urls, 9));
    const options = {
      body: { match: {}, script: { path: mark } },
      headers: { "if-match": "file:v0" },
    };
    await owner.data("POST", `/containers/${containerId}/proxy/hooks/terminal`, options);
    await first.kill();
  }
  const files = readdirSync(first.dataDir, { withFileTypes: true })
    .filter((each) => each.isFile())
    .map(({ name }) => readFileSync(join(first.dataDir, name)));
  expect(files.some((bytes) => bytes.includes(containerId))).toBeTrue();
  expect(files.some((bytes) => bytes.includes(mark))).toBeFalse();
  await using second = await startProgram({ dataDir: first.dataDir });
  const owner = await loginAdmin(second.urls);
  const { hooks } = await owner.data("GET", `/containers/${containerId}/proxy/hooks`);
  expect(hooks.terminal).toMatchObject([{ position: 0, script: { path: mark } }]);
});
