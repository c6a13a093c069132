// Who sees the values of headers that hooks ask for, which may be credentials.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { Tenants } from "../harness/tenants.ts";

const { READ, EDIT, DELETE } = ProjectLevel;
const match = { path: "/x", headers: { "x-key": "TOPSECRET" } };
const script = { path: "/a.ts" };

let tenants: Tenants;
/** Paths of ada's container, by bob's level in its project. */
const places = new Map<ProjectLevel, string[]>();

beforeAll(async () => {
  tenants = await Tenants.open();
  for (const level of [READ, EDIT, DELETE]) {
    const projectId = await tenants.project();
    const proxy = `/containers/${await tenants.container(projectId)}/proxy`;
    await tenants.join(projectId, level);
    const made = [];
    for (const [version, of] of [match, { path: "/plain" }].entries()) {
      const body = { match: of, script };
      const ifMatch = `file:v${version}`;
      made.push(await tenants.data("POST", `${proxy}/hooks/http`, { body, ifMatch }));
    }
    const [{ hook }] = made;
    places.set(level, [
      `${proxy}/hooks`,
      `${proxy}/hooks/http`,
      `${proxy}/hooks/http/${hook.id}`,
      `${proxy}/services/http`,
    ]);
  }
});

afterAll(() => tenants[Symbol.asyncDispose]());

/** Every hook in these answers. */
async function seen(level: ProjectLevel, as = tenants.bob) {
  const answers = await Promise.all(
    (places.get(level) ?? []).map((path) => tenants.data("GET", path, { as })),
  );
  const hooks = answers.flatMap(({ hook, hooks }) => hook ?? hooks?.http ?? hooks);
  expect(hooks).toHaveLength(7);
  return { hooks, text: JSON.stringify(answers) };
}

test.each([
  ["an editor", EDIT],
  ["a remover", DELETE],
])("%s sees them", async (_, level) => {
  const { hooks } = await seen(level);
  expect(hooks.filter((hook) => hook.match.headers?.["x-key"] === "TOPSECRET")).toHaveLength(4);
  expect(hooks.filter((hook) => "headers_hidden" in hook.match)).toEqual([]);
});

test("the owner sees them", async () => {
  const { hooks } = await seen(READ, tenants.ada);
  expect(hooks.filter((hook) => hook.match.headers?.["x-key"] === "TOPSECRET")).toHaveLength(4);
});

test("B5 a reader sees that there are some, and none of them", async () => {
  const { hooks, text } = await seen(READ);
  expect(text).not.toContain("TOPSECRET");
  const hidden = hooks.filter((hook) => hook.match.headers_hidden === true);
  expect(hidden.map((hook) => hook.match.path)).toEqual(["/x", "/x", "/x", "/x"]);
  expect(hooks.filter((hook) => hook.match.headers_hidden !== true)).toHaveLength(3);
});

test.each([
  ["that only reads", ["containers.read"], 0],
  ["that may read documents", ["containers.read", "containers.update"], 4],
  [
    "that makes aliases, and so may read documents",
    ["containers.read", "resources.proxy_aliases"],
    4,
  ],
])("B5 a token of the owner %s", async (_, leaves, shown) => {
  const { hooks, text } = await seen(READ, await tenants.token("ada", { leaves }));
  expect(text.includes("TOPSECRET")).toBe(shown > 0);
  expect(hooks.filter((hook) => hook.match.headers_hidden === true)).toHaveLength(4 - shown);
});

test("a hook as a reader sees it is not taken back: it would match more", async () => {
  const [, list = ""] = places.get(EDIT) ?? [];
  for (const headers_hidden of [true, false]) {
    const refused = await tenants.send("POST", list, {
      as: tenants.bob,
      body: { match: { path: "/x", headers_hidden }, script },
      ifMatch: "file:v2",
    });
    expect(refused.status).toBe(422);
    expect(refused.text).toContain("/match/headers_hidden");
  }
});
