// Members over REST: who lets whom in, at what level, and from when on.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type SendOptions, Tenants } from "../harness/tenants.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const nowhere = "0".repeat(24);
const levels = ["read", "edit", "delete"] as const;

let tenants: Tenants;
/** Ada's. */
let projectId: string;
let members: string;
/** Users who are nothing to begin with. */
const users = new Map<string, { readonly id: string; readonly session: string }>();

beforeAll(async () => {
  tenants = await Tenants.open();
  const { plane } = tenants;
  for (const username of ["carol", "dave", "eve"]) {
    const email = `${username}@example.com`;
    await plane.store.createUser({ username, email, passwordHash: "" });
    users.set(username, {
      id: await tenants.idOf(username),
      session: await plane.session(username),
    });
  }
});

afterAll(() => tenants[Symbol.asyncDispose]());

beforeEach(async () => {
  projectId = await tenants.project([A]);
  members = `/projects/${projectId}/permissions`;
});

const idOf = (username: string) => users.get(username)?.id ?? "";
const sessionOf = (username: string) => users.get(username)?.session ?? "";

/** Lets a user in, as ada unless somebody else is named. */
function add(username: string, permission_level: string, as = tenants.ada) {
  const body = { user_id: idOf(username), permission_level };
  return tenants.send("POST", members, { as, body });
}

/** Lets a user in who has to get in; the permission's id. */
async function join(username: string, level: string): Promise<string> {
  const { status, body } = await add(username, level);
  expect(status).toBe(201);
  return body.data.id;
}

async function codeOf(method: string, path: string, options: SendOptions): Promise<string> {
  const { status, body } = await tenants.send(method, path, options);
  return status < 300 ? "" : `${status} ${body.code}`;
}

const change = (id: string, permission_level: string, as: string) =>
  codeOf("PUT", `${members}/${id}`, { as, body: { permission_level } });
const remove = (id: string, as: string) => codeOf("DELETE", `${members}/${id}`, { as });

describe("a member", () => {
  test("is let in, listed, changed and shut out", async () => {
    const { body, status } = await add("carol", "read");
    const { data } = body;
    const shown = {
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      project_id: projectId,
      user_id: idOf("carol"),
      permission_level: "read",
      created_at: expect.any(String),
      updated_at: expect.any(String),
      user: { id: idOf("carol"), username: "carol", alias: null },
    };
    expect([status, data]).toEqual([201, shown]);
    expect(await tenants.data("GET", members)).toEqual({
      permissions: [data],
      pagination: { total: 1, page: 1, limit: 20, totalPages: 1 },
    });
    for (const [method, permission_level] of [
      ["PUT", "delete"],
      ["PATCH", "edit"],
    ] as const) {
      const path = `${members}/${data.id}`;
      const changed = await tenants.data(method, path, { body: { permission_level } });
      expect(changed).toEqual({ ...data, permission_level, updated_at: expect.any(String) });
    }
    const gone = await tenants.send("DELETE", `${members}/${data.id}`);
    expect([gone.status, gone.body.data]).toEqual([200, null]);
    expect((await tenants.data("GET", members)).permissions).toEqual([]);
    expect(await remove(data.id, tenants.ada)).toBe("404 PROJECT_PERMISSION_NOT_FOUND");
    expect(await change(data.id, "read", tenants.ada)).toBe("404 PROJECT_PERMISSION_NOT_FOUND");
  });

  test("that is shut out is out at once, in the middle of what they do", async () => {
    const box = await tenants.container(projectId);
    const id = await join("carol", "edit");
    const as = sessionOf("carol");
    const paths = [`/projects/${projectId}`, `/containers/${box}`, members];
    for (const path of paths) expect((await tenants.send("GET", path, { as })).status).toBe(200);
    await remove(id, tenants.ada);
    for (const path of paths) expect((await tenants.send("GET", path, { as })).status).toBe(404);
    await join("carol", "read");
    for (const path of paths) expect((await tenants.send("GET", path, { as })).status).toBe(200);
  });

  test.each([
    ["the caller", () => sessionId("ada"), "409 CANNOT_GRANT_SELF_PERMISSION"],
    ["a member", async () => idOf("carol"), "409 PERMISSION_ALREADY_EXISTS"],
    ["nobody", async () => nowhere, "404 USER_NOT_FOUND"],
    ["no id", async () => "carol", "400 INVALID_ID_FORMAT"],
  ])("is not %s", async (_who, userId, code) => {
    await join("carol", "read");
    const body = { user_id: await userId(), permission_level: "edit" };
    expect(await codeOf("POST", members, { body })).toBe(code);
    expect((await tenants.data("GET", members)).permissions).toMatchObject([
      { permission_level: "read" },
    ]);
  });

  test("cannot let in themself or the owner", async () => {
    await join("carol", "edit");
    const as = sessionOf("carol");
    const itself = { user_id: idOf("carol"), permission_level: "read" };
    expect(await codeOf("POST", members, { as, body: itself })).toBe(
      "409 CANNOT_GRANT_SELF_PERMISSION",
    );
    const owner = { user_id: await sessionId("ada"), permission_level: "read" };
    expect(await codeOf("POST", members, { as, body: owner })).toBe(
      "409 PERMISSION_ALREADY_EXISTS",
    );
  });

  test.each(["", "owner", "READ", "constructor", "4"])("has no level %p", async (level) => {
    const body = { user_id: idOf("carol"), permission_level: level };
    expect(await codeOf("POST", members, { body })).toBe("422 VALIDATION_ERROR");
  });
});

function sessionId(username: string): Promise<string> {
  return tenants.idOf(username);
}

describe("nobody deals with more than they have", () => {
  const refused = "403 INSUFFICIENT_PERMISSIONS";

  test.each(levels)("a member at %s gives", async (own) => {
    await join("carol", own);
    const codes: string[] = [];
    for (const given of levels) {
      const { status, body } = await add("dave", given, sessionOf("carol"));
      codes.push(status === 201 ? "" : `${status} ${body.code}`);
      if (status === 201) await remove(body.data.id, tenants.ada);
    }
    const expected = {
      read: [refused, refused, refused],
      edit: ["", "", refused],
      delete: ["", "", ""],
    };
    expect(codes).toEqual(expected[own]);
  });

  test.each(levels)("a member at %s changes and removes", async (own) => {
    await join("carol", own);
    const as = sessionOf("carol");
    const id = await join("dave", "read");
    const rank = (level: (typeof levels)[number]) => levels.indexOf(level);
    for (const theirs of levels) {
      for (const given of levels) {
        await tenants.data("PUT", `${members}/${id}`, { body: { permission_level: theirs } });
        const may = own !== "read" && rank(theirs) <= rank(own) && rank(given) <= rank(own);
        expect([theirs, given, await change(id, given, as)]).toEqual([
          theirs,
          given,
          may ? "" : refused,
        ]);
        const { permissions } = await tenants.data("GET", members);
        const dave = permissions.find((each: { id: string }) => each.id === id);
        expect(dave.permission_level).toBe(may ? given : theirs);
      }
    }
    for (const theirs of levels) {
      const other = await join("eve", theirs);
      const may = own !== "read" && rank(theirs) <= rank(own);
      expect([theirs, await remove(other, as)]).toEqual([theirs, may ? "" : refused]);
      if (!may) await remove(other, tenants.ada);
    }
  });

  test("not even of themself", async () => {
    const id = await join("carol", "edit");
    const as = sessionOf("carol");
    expect(await change(id, "delete", as)).toBe(refused);
    expect(await change(id, "read", as)).toBe("");
    expect(await change(id, "edit", as)).toBe(refused);
  });

  test("what is not there is not there, whatever the level", async () => {
    await join("carol", "edit");
    const as = sessionOf("carol");
    const code = "404 PROJECT_PERMISSION_NOT_FOUND";
    expect(await remove(nowhere, as)).toBe(code);
    expect(await change(nowhere, "edit", as)).toBe(code);
    const other = await tenants.project();
    const body = { user_id: idOf("dave"), permission_level: "read" };
    const { id } = await tenants.data("POST", `/projects/${other}/permissions`, { body });
    expect(await remove(id, tenants.ada)).toBe(code);
  });
});

describe("the members of a project", () => {
  test("come in pages and in order", async () => {
    for (const [username, level] of [
      ["carol", "edit"],
      ["dave", "delete"],
      ["eve", "read"],
    ] as const) {
      await join(username, level);
    }
    const named = async (query: string) => {
      const { permissions, pagination } = await tenants.data("GET", `${members}?${query}`);
      expect(pagination.total).toBe(3);
      return permissions.map((each: { user: { username: string } }) => each.user.username);
    };
    expect(await named("sort_by=permission_level")).toEqual(["dave", "carol", "eve"]);
    expect(await named("sort_by=permission_level&sort_order=asc&limit=2")).toEqual([
      "eve",
      "carol",
    ]);
    expect(await named("sort_by=permission_level&limit=2&page=2")).toEqual(["eve"]);
    for (const query of ["sort_by=username", "sort_order=up", "limit=101", "page=0"]) {
      expect(await codeOf("GET", `${members}?${query}`, {})).toBe("400 INVALID_PARAMETER_VALUE");
    }
  });

  test("are seen by members and by nobody else", async () => {
    await join("carol", "read");
    const seen = (as: string) => tenants.send("GET", members, { as });
    expect((await seen(sessionOf("carol"))).body.data.permissions).toHaveLength(1);
    expect((await seen(sessionOf("dave"))).body.code).toBe("PROJECT_NOT_FOUND");
  });

  test("M8 are not a confined token's to add or raise, nor to change while the project is shared", async () => {
    const as = await tenants.token("ada", { realmIds: [A] });
    const id = await join("carol", "read");
    const body = { user_id: idOf("dave"), permission_level: "read" };
    const confined = { as, realm: A };
    // Whether there is something beyond its realms or not: the answer does not tell.
    const refused = "403 INSUFFICIENT_PERMISSIONS";
    expect(await codeOf("POST", members, { ...confined, body })).toBe(refused);
    const path = `${members}/${id}`;
    const level = (permission_level: string) => ({ ...confined, body: { permission_level } });
    for (const raised of ["edit", "delete"]) {
      expect(await codeOf("PUT", path, level(raised))).toBe(refused);
    }
    expect(await codeOf("PUT", path, level("read"))).toBe("");
    await tenants.data("PUT", path, { body: { permission_level: "delete" } });
    expect(await codeOf("PUT", path, level("edit"))).toBe("");
    const { alias } = await tenants.data("GET", `/projects/${projectId}`);
    await tenants.data("PUT", `/projects/${projectId}`, { body: { alias, realm_ids: [A, B] } });
    const shared = "403 SHARED_ACROSS_REALMS";
    expect(await codeOf("POST", members, { ...confined, body })).toBe(shared);
    const one = `${members}/${id}`;
    const edit = { permission_level: "edit" };
    expect(await codeOf("PUT", one, { ...confined, body: edit })).toBe(shared);
    expect(await codeOf("DELETE", one, confined)).toBe(shared);
    expect(await codeOf("GET", members, confined)).toBe("");
    expect(await codeOf("GET", members, { ...confined, as: tenants.ada, realm: B })).toBe("");
  });

  test("act in realms as the owner does, and see no other", async () => {
    await join("carol", "edit");
    const as = sessionOf("carol");
    expect(await codeOf("GET", members, { as, realm: A })).toBe("");
    expect(await codeOf("GET", members, { as, realm: B })).toBe("404 PROJECT_NOT_FOUND");
    const body = { name: `by-carol` };
    const path = `/projects/${projectId}/containers`;
    const made = await tenants.data("POST", path, { as, realm: A, body });
    expect(made.realm_ids).toEqual([A]);
    const { containers } = await tenants.data("GET", "/containers", { as, realm: A });
    expect(containers.map((each: { id: string }) => each.id)).toContain(made.id);
  });
});
