import { describe, expect, test } from "bun:test";
import { create, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { type ListValue, ListValueSchema, type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { type ReadHooks, readHooks } from "./hook-document.ts";
import { type Hooks, hooksListed, hooksText, storedHooks } from "./hook-list.ts";

const script = { path: "/a.ts" };
const plain = { match: {}, script };
let ids = 0;

function read(sent: Record<string, JsonValue[]>, stored: Hooks = new Map()): ReadHooks {
  const lists: [string, ListValue][] = Object.entries(sent).map(([service, list]) => [
    service,
    fromJson(ListValueSchema, list),
  ]);
  return readHooks(Object.fromEntries(lists), {
    id: "0123456789abcdef01234567",
    stored,
    groups: new Set(["ops"]),
    newId: () => `id${++ids}`,
  });
}

function accepted(sent: Record<string, JsonValue[]>, stored?: Hooks): Hooks {
  const { hooks, violations } = read(sent, stored);
  expect(violations).toEqual([]);
  return hooks;
}

const faultsOf = (sent: Record<string, JsonValue[]>) =>
  read(sent).violations.map(({ instancePath }) => instancePath);

/** What the ids of the hooks are, by program. */
const idsOf = (hooks: Hooks) =>
  Object.fromEntries(hooks.entries().map(([service, list]) => [service, list.map(({ id }) => id)]));

/** As a caller gets and sends them. */
const shown = (hooks: Hooks): Record<string, JsonValue[]> => JSON.parse(hooksText(hooks) ?? "{}");

describe("hooks of a whole document", () => {
  test("are counted in their lists, whatever position they say", () => {
    const hooks = accepted({
      terminal: [
        { ...plain, position: 7 },
        { ...plain, timeout: 9, id: "mine" },
      ],
      http: [],
    });
    expect([...hooks.keys()]).toEqual(["terminal"]);
    expect(hooks.get("terminal")).toMatchObject([
      { position: 0, timeout: 500 },
      { position: 1, timeout: 9 },
    ]);
    expect(idsOf(hooks).terminal).not.toContain("mine");
  });

  test("stand under the canonical program; what is no known program stays", () => {
    const hooks = accepted({ kv: [plain], constructor: [plain], "my-own_1": [plain] });
    expect([...hooks.keys()]).toEqual(["sqlite", "constructor", "my-own_1"]);
  });

  test("are the same after they were stored", () => {
    const method = ["get", "POST"];
    const match = { method, path: "/x*", headers: { "X-A": "1", B: "2" } };
    const rich = { match, script, applies_to: { groups: ["ops"] }, on_error: "open", timeout: 1 };
    const hooks = accepted({ terminal: [rich, plain], http: [plain] });
    const again = storedHooks({ hooks: hooksText(hooks) });
    expect(again).toEqual(hooks);
    expect(hooksListed(again)).toEqual(hooksListed(hooks));
    expect(shown(hooks).http).toEqual([
      {
        id: hooks.get("http")?.[0]?.id ?? "",
        position: 0,
        ...plain,
        timeout: 500,
        on_error: "closed",
      },
    ]);
  });

  test("none are stored as nothing", () => {
    expect(hooksText(accepted({ terminal: [] }))).toBeNull();
    expect(storedHooks({ hooks: null })).toEqual(new Map());
  });
});

describe("the id of a hook", () => {
  const one = { match: { method: ["GET"], headers: { "x-a": "1", "x-b": "2" } }, script };
  const two = { ...plain, timeout: 2 };
  const stored = accepted({ terminal: [one, two, plain], http: [one] });
  const [first = "", second = "", third = ""] = idsOf(stored).terminal ?? [];

  test("stays when the hooks are sent back as they were answered", () => {
    expect(idsOf(accepted(shown(stored), stored))).toEqual(idsOf(stored));
  });

  test("stays when the same is said in other words", () => {
    const headers = { "X-B": "2", "X-A": "1" };
    const again = { script, match: { headers, method: ["get"] }, timeout: 500, on_error: "closed" };
    expect(idsOf(accepted({ terminal: [again] }, stored))).toEqual({ terminal: [first] });
  });

  test.each<[string, JsonObject]>([
    ["a condition", { ...one, match: { method: ["GET"] } }],
    ["a header's value", { ...one, match: { ...one.match, headers: { "x-a": "1", "x-b": "3" } } }],
    ["the script", { ...one, script: { path: "/b.ts" } }],
    ["the time it has", { ...one, timeout: 501 }],
    ["what happens when it fails", { ...one, on_error: "open" }],
    ["who it is for", { ...one, applies_to: { groups: ["ops"] } }],
  ])("is new when it differs in %s; the others keep theirs", (_what, changed) => {
    const hooks = accepted({ ...shown(stored), terminal: [changed, two, plain] }, stored);
    expect(idsOf(hooks)).toEqual({
      terminal: [expect.stringMatching(/^id\d+$/), second, third],
      http: idsOf(stored).http ?? [],
    });
    expect(idsOf(hooks).terminal?.[0]).not.toBe(first);
  });

  test("is new at another place, and in another list", () => {
    const hooks = accepted({ terminal: [two, one], files: [one] }, stored);
    const old = new Set(Object.values(idsOf(stored)).flat());
    const all = Object.values(idsOf(hooks)).flat();
    expect(all.filter((id) => old.has(id))).toEqual([]);
    expect(new Set(all).size).toBe(3);
  });
});

describe("what is wrong with the hooks of a document", () => {
  test.each<[Record<string, JsonValue[]>, string[]]>([
    [{ logs: [plain] }, ["/hooks/logs"]],
    [{ "proxy-logs": [plain] }, ["/hooks/proxy-logs"]],
    [
      { workspaces: [], cdp: [], egress: [], proxy: [] },
      ["/hooks/workspaces", "/hooks/cdp", "/hooks/egress", "/hooks/proxy"],
    ],
    [{ "No/such": [plain] }, ["/hooks/No~1such"]],
    [{ "": [plain] }, ["/hooks/"]],
    [{ sqlite: [plain], kv: [plain] }, ["/hooks/kv"]],
    [{ terminal: Array(9).fill(plain) }, ["/hooks/terminal"]],
    [
      { terminal: [1, null, [], "x"] },
      ["/hooks/terminal/0", "/hooks/terminal/1", "/hooks/terminal/2", "/hooks/terminal/3"],
    ],
    [{ terminal: [{}] }, ["/hooks/terminal/0/match", "/hooks/terminal/0/script"]],
    [
      { terminal: [{ ...plain, what: 1, appliesTo: {} }] },
      ["/hooks/terminal/0/what", "/hooks/terminal/0/appliesTo"],
    ],
    [{ terminal: [{ ...plain, timeout: "5" }] }, ["/hooks/terminal/0/timeout"]],
    [{ terminal: [{ ...plain, timeout: 1.5 }] }, ["/hooks/terminal/0/timeout"]],
    [{ terminal: [{ ...plain, timeout: 0 }] }, ["/hooks/terminal/0/timeout"]],
    [{ terminal: [{ ...plain, timeout: 30001 }] }, ["/hooks/terminal/0/timeout"]],
    [{ terminal: [{ ...plain, timeout: null }] }, ["/hooks/terminal/0/timeout"]],
    [{ terminal: [{ ...plain, position: "0" }] }, ["/hooks/terminal/0/position"]],
    [{ terminal: [{ ...plain, id: 1 }] }, ["/hooks/terminal/0/id"]],
    [{ terminal: [{ ...plain, on_error: "never" }] }, ["/hooks/terminal/0/on_error"]],
    [{ terminal: [{ ...plain, on_error: "" }] }, ["/hooks/terminal/0/on_error"]],
    [{ terminal: [{ ...plain, match: null }] }, ["/hooks/terminal/0/match"]],
    [{ terminal: [{ ...plain, match: { paht: "/" } }] }, ["/hooks/terminal/0/match/paht"]],
    [{ terminal: [{ ...plain, match: { path: "x" } }] }, ["/hooks/terminal/0/match/path"]],
    [{ terminal: [{ ...plain, match: { path: "" } }] }, ["/hooks/terminal/0/match/path"]],
    [
      { terminal: [{ ...plain, match: { headers: { a: 1 } } }] },
      ["/hooks/terminal/0/match/headers"],
    ],
    [{ terminal: [{ ...plain, script: { path: "/a*" } }] }, ["/hooks/terminal/0/script/path"]],
    [
      { terminal: [{ ...plain, script: { path: "/a", exec_id: "e" } }] },
      ["/hooks/terminal/0/script/exec_id"],
    ],
    [
      { terminal: [{ ...plain, script: { path: "/a", execId: "E" } }] },
      ["/hooks/terminal/0/script/execId"],
    ],
    [{ terminal: [{ ...plain, applies_to: {} }] }, ["/hooks/terminal/0/applies_to/groups"]],
    [
      { terminal: [{ ...plain, applies_to: { groups: "ops" } }] },
      ["/hooks/terminal/0/applies_to/groups"],
    ],
    [
      { terminal: [plain], http: [plain, { ...plain, applies_to: { groups: ["ghost"] } }] },
      ["/hooks/http/1/applies_to/groups"],
    ],
  ])("%j at %j", (sent, at) => {
    expect([...new Set(faultsOf(sent))]).toEqual(at);
  });

  test("is all reported at once, over lists and hooks", () => {
    const bad = { match: { method: "no", path: "x" }, script: { path: "/../a" }, timeout: 0 };
    const at = faultsOf({ terminal: [plain, bad], logs: [], http: [{ ...plain, x: 1 }] });
    expect(at.toSorted()).toEqual([
      "/hooks/http/0/x",
      "/hooks/logs",
      "/hooks/terminal/1/match/method",
      "/hooks/terminal/1/match/path",
      "/hooks/terminal/1/script/path",
      "/hooks/terminal/1/timeout",
    ]);
  });

  test("is having more than 32", () => {
    const lists = (count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => [`p${index}`, Array(8).fill(plain)]),
      );
    expect(faultsOf(lists(4))).toEqual([]);
    expect(faultsOf({ ...lists(4), more: [plain] })).toEqual(["/hooks"]);
  });

  const infinite = create(ValueSchema, { kind: { case: "numberValue", value: Infinity } });
  const fields = { timeout: infinite };
  test.each<[string, Value]>([
    ["nothing at all", create(ValueSchema)],
    ["a number without end", infinite],
    [
      "such a number within",
      create(ValueSchema, { kind: { case: "structValue", value: { fields } } }),
    ],
  ])("is %s, which JSON cannot say", (_what, value) => {
    const list = create(ListValueSchema, { values: [value] });
    const around = { id: "", stored: new Map(), groups: new Set<string>(), newId: () => "" };
    const { violations } = readHooks({ terminal: list }, around);
    expect(violations).toEqual([{ instancePath: "/hooks/terminal", message: "must be JSON" }]);
  });

  test("costs no more than the greatest good document, however many hooks are sent", () => {
    let read = 0;
    const empty = { values: [create(ValueSchema, { kind: { case: "stringValue", value: "x" } })] };
    const lists = Array.from({ length: 20_000 }, (_, index): [string, ListValue] => [
      `p${index}`,
      create(ListValueSchema, empty),
    ]);
    const newId = () => `${++read}`;
    const around = { id: "", stored: new Map(), groups: new Set<string>(), newId };
    expect(readHooks(Object.fromEntries(lists), around).violations).toHaveLength(34);
    expect(read).toBe(33);
  });

  test("is not told without end", () => {
    const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`P${index}`, []]));
    expect(faultsOf(many)).toHaveLength(100);
  });
});
