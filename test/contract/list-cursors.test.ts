// Cursors of lists, as every caller meets them: what they are answered with, and what does not open.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import {
  ListProjectsRequestSchema,
  ProjectService,
} from "../../proto/gen/realmgate/v1/projects_pb.ts";
import { Tenants } from "../harness/tenants.ts";

let tenants: Tenants;
let lists: Readonly<Record<string, string>>;

beforeAll(async () => {
  tenants = await Tenants.open();
  const project = await tenants.project();
  await tenants.project();
  const container = await tenants.container(project);
  await tenants.container(project, { name: "other" });
  const body = { user_id: tenants.bobId, permission_level: "read" };
  await tenants.data("POST", `/projects/${project}/permissions`, { body });
  const carol = { username: "carol", email: "carol@example.com", passwordHash: "" };
  await tenants.plane.store.createUser(carol);
  const more = { user_id: await tenants.idOf("carol"), permission_level: "read" };
  await tenants.data("POST", `/projects/${project}/permissions`, { body: more });
  await tenants.data("POST", `/containers/${container}/stop`);
  for (const alias of ["one-a", "two-b"]) {
    const target = { container_id: container, program: "terminal", alias };
    await tenants.data("POST", "/proxy/aliases", { body: target });
    await tenants.data("POST", "/auth/tokens", { body: { alias, permissions: {} } });
  }
  lists = {
    projects: "/projects?",
    containers: "/containers?",
    "containers of a project": `/projects/${project}/containers?`,
    members: `/projects/${project}/permissions?`,
    "status logs": `/containers/${container}/status-logs?`,
    aliases: "/proxy/aliases?",
    tokens: "/auth/tokens?",
  };
});
afterAll(() => tenants[Symbol.asyncDispose]());

const kinds = [
  ...["projects", "containers", "containers of a project", "members", "status logs"],
  ...["aliases", "tokens"],
];

async function get(path: string, as = tenants.ada) {
  return (await tenants.send("GET", path, { as })).body;
}

/** Where an answer names what follows. */
const nextOf = ({ data, next_cursor }: Awaited<ReturnType<typeof get>>): string | undefined =>
  next_cursor ?? data.next_cursor ?? data.pagination?.next_cursor;

describe.each(kinds)("%s", (kind) => {
  const path = () => lists[kind] ?? "";

  test("are answered as before where no cursor is sent", async () => {
    expect(nextOf(await get(`${path()}limit=1`))).toBeUndefined();
  });

  test("go on after the entry before, and name nothing at the end", async () => {
    const all = await get(`${path()}limit=100&cursor=`);
    expect(nextOf(all)).toBeUndefined();
    const entries = (answer: typeof all) =>
      Array.isArray(answer.data) ? answer.data : Object.values(answer.data).find(Array.isArray);
    const walked: unknown[] = [];
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const answer = await get(`${path()}limit=1&cursor=${cursor}`);
      expect(entries(answer)).toHaveLength(1);
      walked.push(...entries(answer));
      cursor = nextOf(answer);
    }
    expect(walked).toEqual(entries(all));
    expect(walked.length).toBeGreaterThan(1);
  });

  test("refuse a cursor of another list, another user, and none at all", async () => {
    const own = nextOf(await get(`${path()}limit=1&cursor=`));
    for (const other of kinds.filter((each) => each !== kind)) {
      const foreign = nextOf(await get(`${lists[other]}limit=1&cursor=`));
      const answer = await get(`${path()}cursor=${foreign}`);
      expect([other, answer.code]).toEqual([other, "INVALID_PARAMETER_VALUE"]);
    }
    for (const cursor of ["x", "1", `${own}A`, own?.slice(1)]) {
      const { statusCode, code, data } = await get(`${path()}cursor=${cursor}`);
      expect([statusCode, code, data[0].instancePath]).toEqual([
        400,
        "INVALID_PARAMETER_VALUE",
        "/cursor",
      ]);
    }
    const stranger = await get(`${path()}limit=1&cursor=${own}`, tenants.bob);
    expect([stranger.statusCode, stranger.data[0].instancePath]).toEqual([400, "/cursor"]);
  });
});

describe("a cursor", () => {
  test("keeps its order, and is refused with another one or with a page", async () => {
    const first = await get("/projects?limit=1&sort_by=alias&sort_order=asc&cursor=");
    const cursor = nextOf(first);
    const second = await get(`/projects?limit=1&cursor=${cursor}`);
    const [alias, next] = [first.data.projects[0].alias, second.data.projects[0].alias];
    expect([alias, next].toSorted()).toEqual([alias, next]);
    expect((await get(`/projects?sort_by=alias&cursor=${cursor}`)).statusCode).toBe(200);
    for (const [field, value] of [
      ["sort_by", "created_at"],
      ["sort_order", "desc"],
      ["page", "2"],
    ]) {
      const { code, data } = await get(`/projects?${field}=${value}&cursor=${cursor}`);
      expect([code, data[0].instancePath]).toEqual(["INVALID_PARAMETER_VALUE", `/${field}`]);
    }
  });

  test("begins at a page, and counts on from there", async () => {
    const { pagination } = (await get("/projects?page=2&limit=1&cursor=")).data;
    expect(pagination).toMatchObject({ page: 2, totalPages: 3, total: 3 });
    const after = await get(`/projects?limit=1&cursor=${pagination.next_cursor}`);
    expect(after.data.pagination).toEqual({ total: 3, page: 3, limit: 1, totalPages: 3 });
  });

  test("is the same over gRPC", async () => {
    const { ada, plane } = tenants;
    const list = async (cursor: string) => {
      const answer = await plane.grpc(
        ada,
        ProjectService.method.listProjects,
        create(ListProjectsRequestSchema, { limit: 2, cursor }),
        { realm: null },
      );
      if (!answer.ok) throw new Error(answer.code);
      return answer.message;
    };
    const first = await list("");
    const cursor = first.pagination?.nextCursor ?? "";
    const second = await list(cursor);
    const ids = [first, second].flatMap(({ projects }) => projects.map(({ id }) => id));
    expect([new Set(ids).size, second.pagination?.nextCursor]).toEqual([3, undefined]);
    expect((await get(`/projects?cursor=${cursor}`)).data.projects).toHaveLength(1);
  });
});
