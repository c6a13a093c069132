// Who says in which realms a project and its containers are, field by field: a realm lets confined tokens of the owner in.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { Tenants } from "../harness/tenants.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const { READ, EDIT, DELETE } = ProjectLevel;

let tenants: Tenants;
/** Bob's, in realm A; ada, an operator, is its member where a test says so. */
let projectId: string;
let containerId: string;
let carol: { readonly id: string; readonly session: string };

beforeAll(async () => {
  tenants = await Tenants.open();
  const { store } = tenants.plane;
  await store.createUser({ username: "carol", email: "carol@example.com", passwordHash: "" });
  carol = { id: await tenants.idOf("carol"), session: await tenants.plane.session("carol") };
});

afterAll(() => tenants[Symbol.asyncDispose]());

beforeEach(async () => {
  projectId = await tenants.project([A], tenants.bob);
  containerId = await tenants.container(projectId, { realm_ids: [A] }, tenants.bob);
});

async function join(userId: string, level: ProjectLevel): Promise<void> {
  const permission_level = level === READ ? "read" : level === EDIT ? "edit" : "delete";
  const body = { user_id: userId, permission_level };
  await tenants.data("POST", `/projects/${projectId}/permissions`, { as: tenants.bob, body });
}

interface Caller {
  readonly as: string;
  readonly realm?: string;
}

/** The callers of the matrix, each made to be what its name says. */
const callers: Readonly<Record<string, () => Promise<Caller>>> = {
  "the owner": async () => ({ as: tenants.bob }),
  "the owner's token": async () => ({ as: await tenants.token("bob") }),
  "the owner's confined token": async () => ({
    as: await tenants.token("bob", { realmIds: [A, B] }),
    realm: A,
  }),
  "a reader": async () => {
    await join(carol.id, READ);
    return { as: carol.session };
  },
  "an editor": async () => {
    await join(carol.id, EDIT);
    return { as: carol.session };
  },
  "an editor on the realm's host": async () => {
    await join(carol.id, EDIT);
    return { as: carol.session, realm: A };
  },
  "an editor's token": async () => {
    await join(carol.id, EDIT);
    return { as: await tenants.token("carol") };
  },
  "an editor's confined token": async () => {
    await join(carol.id, EDIT);
    return { as: await tenants.token("carol", { realmIds: [A, B] }), realm: A };
  },
  "a remover": async () => {
    await join(carol.id, DELETE);
    return { as: carol.session };
  },
  "an operator who edits": async () => {
    await join(await tenants.idOf("ada"), EDIT);
    return { as: tenants.ada };
  },
  "an operator's token that edits": async () => {
    await join(await tenants.idOf("ada"), EDIT);
    return { as: await tenants.token("ada") };
  },
  "an operator's token without the permission": async () => {
    await join(await tenants.idOf("ada"), EDIT);
    return { as: await tenants.token("ada", { leaves: ["projects.update", "containers.update"] }) };
  },
  "an operator's confined token": async () => {
    await join(await tenants.idOf("ada"), EDIT);
    return { as: await tenants.token("ada", { realmIds: [A, B] }), realm: A };
  },
  "an operator who is no member": async () => ({ as: tenants.ada }),
};

const done = 200;
const lacking = "403 INSUFFICIENT_PERMISSIONS";
const locked = "403 REALM_IDS_LOCKED";

type Came = string | number;

/** By caller: what comes of other realms, of the same ones, and of a name. */
const matrix: Readonly<Record<string, readonly [other: Came, same: Came, name: Came]>> = {
  "the owner": [done, done, done],
  "the owner's token": [done, done, done],
  "the owner's confined token": [locked, done, done],
  "a reader": [lacking, lacking, lacking],
  "an editor": [lacking, done, done],
  "an editor on the realm's host": [lacking, done, done],
  "an editor's token": [lacking, done, done],
  "an editor's confined token": [locked, done, done],
  "a remover": [lacking, done, done],
  "an operator who edits": [done, done, done],
  "an operator's token that edits": [done, done, done],
  "an operator's token without the permission": [lacking, done, done],
  "an operator's confined token": [locked, done, done],
  "an operator who is no member": [404, 404, 404],
};

async function outcome(method: string, path: string, caller: Caller, body: object) {
  const answer = await tenants.send(method, path, { ...caller, body });
  return answer.status === 403 ? `403 ${answer.body.code}` : answer.status;
}

const realmsOf = async (path: string): Promise<string[]> =>
  (await tenants.data("GET", path, { as: tenants.bob })).realm_ids;

test("the matrix has every caller", () => {
  expect(Object.keys(matrix)).toEqual(Object.keys(callers));
});

describe.each(Object.entries(matrix))("%s", (name, [other, same, named]) => {
  test("changes the project's realms, or not", async () => {
    const caller = (await callers[name]?.()) ?? { as: "" };
    const path = `/projects/${projectId}`;
    const before = await realmsOf(path);
    const changes = caller.realm === undefined ? [[B], [A, B], []] : [[B], [A, B]];
    for (const realm_ids of changes) {
      for (const method of ["PUT", "PATCH"]) {
        const body = { alias: `moved ${projectId}`, realm_ids };
        expect(await outcome(method, path, caller, body)).toEqual(other);
        const expected = other === done ? realm_ids : before;
        expect(await realmsOf(path)).toEqual(expected);
      }
    }
    await tenants.data("PATCH", path, {
      as: tenants.bob,
      body: { alias: `back ${projectId}`, realm_ids: before },
    });
    const kept = { alias: `kept ${projectId}`, realm_ids: [A] };
    expect(await outcome("PUT", path, caller, kept)).toEqual(same);
    expect(
      await outcome("PATCH", path, caller, { alias: `named ${projectId}`, color: "#123456" }),
    ).toEqual(named);
    expect(await realmsOf(path)).toEqual([A]);
  });

  test("changes a container's realms, or not", async () => {
    const caller = (await callers[name]?.()) ?? { as: "" };
    const path = `/containers/${containerId}`;
    const changes = caller.realm === undefined ? [[B], [A, B], []] : [[B], [A, B]];
    for (const realm_ids of changes) {
      expect(await outcome("PATCH", path, caller, { realm_ids })).toEqual(other);
      expect(await realmsOf(path)).toEqual(other === done ? realm_ids : [A]);
    }
    await tenants.data("PATCH", path, { as: tenants.bob, body: { realm_ids: [A] } });
    expect(await outcome("PATCH", path, caller, { realm_ids: [A] })).toEqual(same);
    expect(await outcome("PATCH", path, caller, { comment: "kept" })).toEqual(named);
  });
});

describe("a member makes a container", () => {
  const make = (as: string, realm_ids: string[], realm?: string) =>
    tenants.send("POST", `/projects/${projectId}/containers`, {
      as,
      body: { realm_ids },
      ...(realm === undefined ? {} : { realm }),
    });

  test("in realms of the project only", async () => {
    await join(carol.id, EDIT);
    expect((await make(carol.session, [])).body.data.realm_ids).toEqual([]);
    expect((await make(carol.session, [A])).body.data.realm_ids).toEqual([A]);
    expect((await make(carol.session, [], A)).body.data.realm_ids).toEqual([A]);
    for (const realm_ids of [[B], [A, B]]) {
      const { status, body } = await make(carol.session, realm_ids);
      expect([status, body.code]).toEqual([403, "INSUFFICIENT_PERMISSIONS"]);
      expect((await make(tenants.bob, realm_ids)).body.data.realm_ids).toEqual(realm_ids);
    }
  });
});

test("M9 a realm that a member would add lets no token of the owner delete the project", async () => {
  const path = `/projects/${projectId}`;
  const ofOwner = { as: await tenants.token("bob", { realmIds: [B] }), realm: B };
  await join(carol.id, EDIT);
  const body = { alias: `taken ${projectId}`, realm_ids: [A, B] };
  expect(await outcome("PUT", path, { as: carol.session }, body)).toBe(lacking);
  expect((await tenants.send("DELETE", path, ofOwner)).status).toBe(404);
  expect((await tenants.send("DELETE", `/containers/${containerId}`, ofOwner)).status).toBe(404);
});

test("a token's realms are its user's, whoever edits a project with them", async () => {
  await join(carol.id, DELETE);
  const made = await tenants.data("POST", "/auth/tokens", {
    as: tenants.bob,
    body: { alias: `of bob ${projectId}`, realm_ids: [A] },
  });
  const path = `/auth/tokens/${made.id}`;
  const add = { realm_id: B };
  for (const [method, at, body] of [
    ["PATCH", path, { realm_ids: [A, B] }],
    ["POST", `${path}/add-realm`, add],
    ["POST", `${path}/remove-realm`, { realm_id: A }],
  ] as const) {
    for (const as of [carol.session, tenants.ada, await tenants.token("ada")]) {
      expect((await tenants.send(method, at, { as, body })).status).toBe(404);
    }
  }
  expect((await tenants.data("GET", path, { as: tenants.bob })).realm_ids).toEqual([A]);
});
