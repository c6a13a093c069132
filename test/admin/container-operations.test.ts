import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { scopeOf } from "../harness/stage.ts";
import { Tenants } from "../harness/tenants.ts";

const operations = {
  start: { from: ["stopped", "failed"], to: "running" },
  stop: { from: ["running", "paused"], to: "stopped" },
  "force-stop": { from: ["running", "paused"], to: "stopped" },
  restart: { from: ["running", "paused", "failed"], to: "running" },
  pause: { from: ["running"], to: "paused" },
  resume: { from: ["paused"], to: "running" },
} as const;

const statuses = ["running", "paused", "stopped", "failed"] as const;
type Status = (typeof statuses)[number];

const cases = Object.entries(operations).flatMap(([operation, { from, to }]) =>
  statuses.map((status) => ({
    operation,
    status,
    to: (from as readonly string[]).includes(status) ? to : null,
  })),
);

let tenants: Tenants;
let projectId: string;

beforeAll(async () => {
  tenants = await Tenants.open();
  projectId = await tenants.project();
});

afterAll(() => tenants[Symbol.asyncDispose]());

/** A container with this status. */
async function containerThat(status: Status): Promise<string> {
  const id = await tenants.container(projectId);
  const scope = scopeOf(await tenants.idOf("ada"));
  // No operation makes a container fail.
  const move = { operation: "test", from: ["running"], to: status };
  await tenants.plane.store.moveStatus(scope, id, move);
  return id;
}

describe("an operation", () => {
  test.each(cases)("$operation of what is $status: $to", async ({ operation, status, to }) => {
    const id = await containerThat(status);
    const before = await tenants.data("GET", `/containers/${id}/status-logs`);
    const told = await tenants.send("POST", `/containers/${id}/${operation}`);
    const after = await tenants.data("GET", `/containers/${id}/status-logs`);
    const container = await tenants.data("GET", `/containers/${id}`);
    if (to === null) {
      expect([told.status, told.body.code]).toEqual([409, "CONTAINER_STATE_CONFLICT"]);
      expect(container.status).toBe(status);
      expect(after).toEqual(before);
      return;
    }
    expect(told.status).toBe(200);
    expect(told.body.data).toEqual({
      operation,
      container_id: id,
      project_id: projectId,
      message: expect.stringMatching(/^Container \w+( by force)?$/),
      status: to,
    });
    expect(container.status).toBe(to);
    expect(after.logs[0]).toMatchObject({
      from_status: status,
      to_status: to,
      triggered_by: "manual_operation",
      metadata: { operation },
    });
    expect(after.pagination.total).toBe(before.pagination.total + 1);
  });

  test("there is no other", async () => {
    const id = await containerThat("running");
    for (const operation of ["destroy", "START", "force_stop", "constructor"]) {
      const { status } = await tenants.send("POST", `/containers/${id}/${operation}`);
      expect(status).toBe(404);
    }
  });

  test.each([
    ["start", "containers.actions.start"],
    ["stop", "containers.actions.stop"],
    ["force-stop", "containers.actions.stop"],
    ["restart", "containers.actions.restart"],
    ["pause", "containers.actions.stop"],
    ["resume", "containers.actions.start"],
  ])("%s needs the leaf %s of a token", async (operation, leaf) => {
    const path = `/containers/${await containerThat("failed")}/${operation}`;
    const as = await tenants.token("ada", { leaves: [leaf] });
    expect([200, 409]).toContain((await tenants.send("POST", path, { as })).status);
    const others = ["containers.actions.start", "containers.actions.stop", "containers.update"];
    const without = others.filter((each) => each !== leaf);
    const refused = await tenants.token("ada", { leaves: without });
    expect((await tenants.send("POST", path, { as: refused })).status).toBe(403);
  });
});

describe("the logs of a container", () => {
  test("say how long it was as it was, months if need be", async () => {
    const id = await tenants.container(projectId);
    const monthS = 30 * 86_400;
    tenants.plane.at(monthS);
    const as = await tenants.plane.session("ada");
    await tenants.data("POST", `/containers/${id}/stop`, { as });
    const { logs } = await tenants.data("GET", `/containers/${id}/status-logs?limit=1`, { as });
    expect(logs[0]).toMatchObject({
      transition_time: "2026-01-31T00:00:00.000Z",
      duration_ms: monthS * 1000,
    });
    tenants.plane.at(0);
  });

  test("come in pages, in the order asked for; an unknown one is the usual one", async () => {
    const id = await tenants.container(projectId);
    for (const operation of ["pause", "resume", "stop"]) {
      await tenants.data("POST", `/containers/${id}/${operation}`);
    }
    const to = async (query: string) => {
      const { logs } = await tenants.data("GET", `/containers/${id}/status-logs?${query}`);
      return logs.map((log: { to_status: string }) => log.to_status);
    };
    const newestFirst = ["stopped", "running", "paused", "running"];
    expect(await to("")).toEqual(newestFirst);
    expect(await to("sort_by=name")).toEqual(newestFirst);
    expect(await to("sort_order=up")).toEqual(newestFirst);
    expect(await to("sort_by=created_at&sort_order=asc")).toEqual(newestFirst.toReversed());
    expect(await to("sort_by=to_status&sort_order=asc")).toEqual(newestFirst.toSorted());
    expect(await to("limit=3&page=2")).toEqual(["running"]);
    const { pagination } = await tenants.data("GET", `/containers/${id}/status-logs?limit=3`);
    expect(pagination).toEqual({ total: 4, page: 1, limit: 3, totalPages: 2 });
    for (const query of ["limit=101", "limit=0", "page=0"]) {
      const { status } = await tenants.send("GET", `/containers/${id}/status-logs?${query}`);
      expect(status).toBe(400);
    }
  });
});
