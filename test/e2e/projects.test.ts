// Projects over REST: whose they are, in which realms, what changes them, and what goes with them.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { enforced, loginAdmin, makePlace, statusThrough } from "../harness/client.ts";
import { startProgram, startUpstream } from "../harness/program.ts";
import { type SendOptions, Tenants } from "../harness/tenants.ts";

const A = "a".repeat(24);
const B = "b".repeat(24);
const C = "c".repeat(24);
const nowhere = "0".repeat(24);
const { READ, EDIT, DELETE } = ProjectLevel;

let tenants: Tenants;
let n = 0;

beforeAll(async () => {
  tenants = await Tenants.open();
});

afterAll(() => tenants[Symbol.asyncDispose]());

beforeEach(() => {
  n++;
});

/** A name that no other test has. */
const name = (text: string) => `${text}-${n}`;

/** The code of a call that has to be refused. */
async function refusal(method: string, path: string, options: SendOptions = {}): Promise<string> {
  const { status, body } = await tenants.send(method, path, options);
  if (status < 300) throw new Error(`${method} ${path} was not refused`);
  return `${status} ${body.code}`;
}

async function newProject(fields: object = {}, options: SendOptions = {}) {
  const body = { alias: name("mine"), ...fields };
  return tenants.data("POST", "/projects", { ...options, body });
}

const confinedTo = (...realmIds: string[]) => tenants.token("ada", { realmIds });

describe("a project is made", () => {
  test("with what is sent, and defaults for the rest", async () => {
    const plain = await newProject();
    expect(plain).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      user_id: await tenants.idOf("ada"),
      alias: name("mine"),
      color: expect.stringMatching(/^#[0-9A-F]{6}$/),
      max_containers: null,
      realm_ids: [],
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated_at: plain.created_at,
      is_default: false,
    });
    const sent = { alias: name("full"), color: "abc", max_containers: 0, realm_ids: [B, A] };
    expect(await newProject(sent)).toMatchObject({ ...sent, color: "#ABC", realm_ids: [A, B] });
  });

  test("in the realm of the host beside those it names", async () => {
    const made = await newProject({ realm_ids: [B] }, { realm: A });
    expect(made.realm_ids).toEqual([A, B]);
    expect(await refusal("GET", `/projects/${made.id}`, { realm: C })).toBe(
      "404 PROJECT_NOT_FOUND",
    );
  });

  test("under an alias that its owner has only where the other is not seen", async () => {
    const alias = name("api");
    const make = (realm_ids: string[]) =>
      tenants.send("POST", "/projects", { body: { alias, realm_ids } });
    const statuses: number[] = [];
    for (const realmIds of [[A], [B], [], [A, C], [C], []]) {
      statuses.push((await make(realmIds)).status);
    }
    expect(statuses).toEqual([201, 201, 201, 409, 201, 409]);
    expect((await make([A])).body).toMatchObject({ error: "Conflict", code: "DUPLICATE_ALIAS" });
    await newProject({ alias }, { as: tenants.bob });
  });

  test("by a confined token in its own realms, of which alone it is told", async () => {
    const as = await confinedTo(A, C);
    const body = { alias: name("confined"), realm_ids: [C] };
    const made = await tenants.data("POST", "/projects", { as, realm: A, body });
    expect(made.realm_ids).toEqual([A, C]);
    const beyond = { alias: name("beyond"), realm_ids: [A, B] };
    expect(await refusal("POST", "/projects", { as, realm: A, body: beyond })).toBe(
      "403 REALM_NOT_ALLOWED",
    );
    const both = await newProject({ alias: beyond.alias, realm_ids: [A, B] });
    const seen = await tenants.data("GET", `/projects/${both.id}`, { as, realm: A });
    expect(seen.realm_ids).toEqual([A]);
  });
});

describe("a list of projects", () => {
  test("has one's own and those one is a member of, and nobody else's", async () => {
    const [shown, hidden] = [await tenants.project([A]), await tenants.project([A])];
    await tenants.join(shown, READ);
    const own = await tenants.project([A], tenants.bob);
    const { projects, pagination } = await tenants.data("GET", "/projects/?limit=100", {
      as: tenants.bob,
    });
    const ids = projects.map(({ id }: { id: string }) => id);
    expect(ids).toContain(shown);
    expect(ids).toContain(own);
    expect(ids).not.toContain(hidden);
    expect(projects.filter((each: { is_default: boolean }) => each.is_default)).toHaveLength(1);
    expect(pagination).toEqual({ total: ids.length, page: 1, limit: 100, totalPages: 1 });
  });

  test("has what carries the realm of the host and the one asked for", async () => {
    const [one, other] = ["1".repeat(24), "2".repeat(24)];
    tenants.plane.at(n);
    const both = await tenants.project([one, other]);
    tenants.plane.at(n + 0.5);
    const first = await tenants.project([one]);
    const listed = async (path: string, realm?: string) => {
      const options = realm === undefined ? {} : { realm };
      const { projects, pagination } = await tenants.data("GET", path, options);
      const ids = projects.map(({ id }: { id: string }) => id);
      expect(pagination.total).toBe(ids.length);
      return ids;
    };
    expect(await listed("/projects?sort_order=asc", one)).toEqual([both, first]);
    expect(await listed(`/projects?sort_order=asc&realm_id=${one}`)).toEqual([both, first]);
    expect(await listed(`/projects?realm_id=${other}`, one)).toEqual([both]);
    expect(await listed(`/projects?realm_id=${C}`, one)).toEqual([]);
  });
});

describe("a project is shown", () => {
  test("with its members when they are asked for", async () => {
    const id = await tenants.project();
    await tenants.join(id, EDIT);
    const shown = await tenants.data("GET", `/projects/${id}?include_permissions=true`);
    expect(shown.permissions).toMatchObject([
      {
        project_id: id,
        user_id: tenants.bobId,
        permission_level: "edit",
        user: { id: tenants.bobId, username: "bob", alias: null },
      },
    ]);
    const plain = await tenants.data("GET", `/projects/${id}`, { as: tenants.bob });
    expect(plain).not.toHaveProperty("permissions");
    expect(plain.user_id).toBe(await tenants.idOf("ada"));
  });

  test("with the number of containers that the caller sees", async () => {
    const id = await tenants.project([A]);
    await tenants.container(id, { realm_ids: [A] });
    await tenants.container(id);
    const { alias } = await tenants.data("GET", `/projects/${id}`);
    const summary = { project_id: id, project_name: alias };
    for (const [options, container_count] of [
      [{}, 2],
      [{ realm: A }, 1],
      [{ realm: A, as: await confinedTo(A) }, 1],
    ] as const) {
      expect(await tenants.data("GET", `/projects/${id}/stats`, options)).toEqual({
        summary: { ...summary, container_count },
        stats: [],
      });
    }
  });
});

describe("a project is changed", () => {
  test.each(["PUT", "PATCH"])("by %s in what is sent, its alias always", async (method) => {
    const before = await newProject({ max_containers: 3, color: "#ABC", realm_ids: [A] });
    const path = `/projects/${before.id}`;
    const change = (body: object) => tenants.data(method, path, { body });
    const alias = name(`renamed-${method}`);
    const renamed = await change({ alias });
    expect(renamed).toEqual({ ...before, alias, updated_at: renamed.updated_at });
    expect(await change({ alias, max_containers: null, color: "#def" })).toMatchObject({
      max_containers: null,
      color: "#DEF",
      realm_ids: [A],
    });
    expect(await change({ alias, realm_ids: [] })).toMatchObject({ realm_ids: [] });
    expect(await refusal(method, path, { body: { color: "#ABC" } })).toBe(
      "400 INVALID_ALIAS_FORMAT",
    );
    expect(await tenants.data("GET", path)).toMatchObject({ alias, color: "#DEF" });
  });

  test("and answered with can be sent back as it is", async () => {
    const before = await newProject({ max_containers: 3, realm_ids: [A] });
    const { updated_at: _, ...rest } = before;
    const path = `/projects/${before.id}`;
    const body = { alias: rest.alias, color: rest.color, max_containers: 3, realm_ids: [A] };
    expect(await tenants.data("PUT", path, { body })).toMatchObject(rest);
  });

  test("into an alias or a realm only where that is free", async () => {
    const taken = await newProject({ alias: name("taken"), realm_ids: [A] });
    const { id } = await newProject({ alias: name("other"), realm_ids: [A] });
    const path = `/projects/${id}`;
    expect(await refusal("PUT", path, { body: { alias: taken.alias } })).toBe(
      "409 DUPLICATE_ALIAS",
    );
    await tenants.data("PUT", path, { body: { alias: taken.alias, realm_ids: [B] } });
    const back = { alias: taken.alias, realm_ids: [A, B] };
    expect(await refusal("PUT", path, { body: back })).toBe("409 DUPLICATE_ALIAS");
    expect((await tenants.data("GET", path)).realm_ids).toEqual([B]);
  });

  test("from a realm's host without leaving the realm", async () => {
    const { id, alias } = await newProject({ realm_ids: [A] });
    const options = { realm: A, body: { alias, realm_ids: [B] } };
    expect((await tenants.data("PUT", `/projects/${id}`, options)).realm_ids).toEqual([A, B]);
  });

  test("in its quota by its owner only, and by no confined token", async () => {
    const { id, alias } = await newProject({ max_containers: 3, realm_ids: [A] });
    await tenants.join(id, DELETE);
    const path = `/projects/${id}`;
    const confined = { as: await confinedTo(A), realm: A };
    for (const who of [{ as: tenants.bob }, confined]) {
      for (const max_containers of [4, 0, null]) {
        expect(await refusal("PUT", path, { ...who, body: { alias, max_containers } })).toBe(
          "403 INSUFFICIENT_PERMISSIONS",
        );
      }
      const same = { alias, max_containers: 3, color: "#123" };
      expect(await tenants.data("PUT", path, { ...who, body: same })).toMatchObject({
        max_containers: 3,
        color: "#123",
      });
    }
    await tenants.data("PUT", path, {
      as: await tenants.token("ada"),
      body: { alias, max_containers: 9 },
    });
    expect((await tenants.data("GET", path)).max_containers).toBe(9);
  });

  test("in its realms by no confined token, which may send what it is told", async () => {
    const { id, alias } = await newProject({ realm_ids: [A, C] });
    const as = await confinedTo(A, C);
    const path = `/projects/${id}`;
    for (const realm_ids of [[A], [], [A, B], [A, B, C]]) {
      expect(await refusal("PUT", path, { as, realm: A, body: { alias, realm_ids } })).toBe(
        "403 REALM_IDS_LOCKED",
      );
    }
    const same = { alias, realm_ids: [C, A], color: "#123" };
    expect(await tenants.data("PUT", path, { as, realm: A, body: same })).toMatchObject({
      realm_ids: [A, C],
      color: "#123",
    });
  });

  test("by no confined token while it is shared", async () => {
    const { id, alias } = await newProject({ realm_ids: [A, B] });
    const confined = { as: await confinedTo(A), realm: A };
    for (const [method, body] of [
      ["PUT", { alias }],
      ["PATCH", { alias, color: "#123" }],
      ["DELETE", undefined],
    ] as const) {
      expect(await refusal(method, `/projects/${id}`, { ...confined, body })).toBe(
        "403 SHARED_ACROSS_REALMS",
      );
    }
    expect((await tenants.data("GET", `/projects/${id}`)).alias).toBe(alias);
  });
});

describe("a project is deleted", () => {
  test("with all it holds, which is counted, and named when asked for", async () => {
    for (const query of ["", "?include_deleted_items=true"]) {
      const id = await tenants.project([A]);
      const one = await tenants.container(id, { name: "one", realm_ids: [A] });
      const two = await tenants.container(id, { name: "two" });
      const body = { container_id: one, alias: name(`shop${query.length}`), program: "http-80" };
      const alias = await tenants.data("POST", "/proxy/aliases", { body });
      await tenants.join(id, READ);
      const deleted = { containers: 2, permissions: 1, aliases: 1 };
      const containers = [
        { id: one, name: "one" },
        { id: two, name: "two" },
      ];
      expect(await tenants.data("DELETE", `/projects/${id}${query}`)).toEqual(
        query === "" ? { deleted } : { deleted, deleted_items: { containers } },
      );
      for (const path of [
        `/projects/${id}`,
        `/projects/${id}/permissions`,
        `/projects/${id}/proxy/permissions`,
        `/containers/${one}`,
        `/containers/${two}`,
        `/containers/${one}/proxy/permissions`,
        `/proxy/aliases/${alias.id}`,
      ]) {
        expect((await tenants.send("GET", path)).status).toBe(404);
      }
      await tenants.data("POST", "/proxy/aliases", {
        body: { ...body, container_id: await tenants.container(await tenants.project()) },
      });
    }
  });

  test("unless it came with the account, or is nobody's", async () => {
    const { projects } = await tenants.data("GET", "/projects?limit=100");
    const first = projects.find((each: { is_default: boolean }) => each.is_default);
    expect(await refusal("DELETE", `/projects/${first.id}`)).toBe("403 DEFAULT_PROJECT");
    expect((await tenants.send("GET", `/projects/${first.id}`)).status).toBe(200);
    expect(await refusal("DELETE", `/projects/${nowhere}`)).toBe("404 PROJECT_NOT_FOUND");
  });

  test("by no confined token while a container is shared", async () => {
    const id = await tenants.project([A]);
    const box = await tenants.container(id, { realm_ids: [A, B] });
    const confined = { as: await confinedTo(A), realm: A };
    expect(await refusal("DELETE", `/projects/${id}`, confined)).toBe("403 SHARED_ACROSS_REALMS");
    expect((await tenants.send("GET", `/containers/${box}`)).status).toBe(200);
  });

  test("for a confined token, in the same words, when others still have a part of it", async () => {
    const confined = { as: await confinedTo(A), realm: A };
    const answers: string[] = [];
    for (const hidden of [[], [[B]], [[]]]) {
      const id = await tenants.project([A]);
      const box = await tenants.container(id, { name: "box", realm_ids: [A] });
      const kept: string[] = [];
      for (const realm_ids of hidden) kept.push(await tenants.container(id, { realm_ids }));
      await tenants.join(id, READ);
      const path = `/projects/${id}?include_deleted_items=true`;
      const { text } = await tenants.send("DELETE", path, confined);
      answers.push(text.replace(box, "box"));
      for (const gone of [`/projects/${id}`, `/containers/${box}`]) {
        const { status } = await tenants.send("GET", gone, confined);
        expect(status).toBe(404);
      }
      expect((await tenants.send("GET", `/containers/${box}`)).status).toBe(404);
      const left = await tenants.send("GET", `/projects/${id}`);
      expect([left.status, left.body.data?.realm_ids]).toEqual(
        kept.length === 0 ? [404, undefined] : [200, []],
      );
      for (const each of kept) {
        expect((await tenants.send("GET", `/containers/${each}`)).status).toBe(200);
      }
    }
    expect(new Set(answers).size).toBe(1);
    expect(JSON.parse(answers[0] ?? "").data.deleted).toEqual({
      containers: 1,
      permissions: 1,
      aliases: 0,
    });
  });

  test("and its containers are out of reach as soon as the proxy knows", async () => {
    await using program = await startProgram();
    await using upstream = await startUpstream();
    const api = await loginAdmin(program.urls);
    const place = await makePlace(api, program.urls, upstream.port);
    const other = await makePlace(api, program.urls, upstream.port);
    const host = place.host("terminal-1");
    expect(await statusThrough(program.urls, host)).toBe(200);
    await place.container.replace({ default: "allow" });
    const answer = await api.call("DELETE", `/projects/${place.projectId}`);
    expect(answer.status).toBe(200);
    await enforced(program.urls, answer);
    expect(await statusThrough(program.urls, host)).toBe(503);
    expect(await statusThrough(program.urls, other.host("terminal-1"))).toBe(200);
  });
});
