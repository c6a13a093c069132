// What becomes of a container reaches the gate: status, address, deletion; and outlives the process.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  type Api,
  enforced,
  loginAdmin,
  makePlace,
  type Place,
  statusThrough,
} from "../harness/client.ts";
import { type Program, startProgram, startUpstream, type Upstream } from "../harness/program.ts";

let program: Program;
let upstream: Upstream;
let api: Api;

beforeAll(async () => {
  [program, upstream] = await Promise.all([startProgram(), startUpstream()]);
  api = await loginAdmin(program.urls);
});

afterAll(async () => {
  await Promise.all([program[Symbol.asyncDispose](), upstream[Symbol.asyncDispose]()]);
});

const newPlace = () => makePlace(api, program.urls, upstream.port);
const statusOf = (place: Place, name = "terminal-1") =>
  statusThrough(program.urls, place.host(name));

/** A call that has to succeed, and that the gate knows of afterwards. */
async function write(method: string, path: string, body?: unknown) {
  const answer = await api.call(method, path, body === undefined ? {} : { body });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
  await enforced(program.urls, answer);
  return answer.body.data;
}

describe("the gate answers", () => {
  test("503 for what does not run, and the container for what runs again", async () => {
    const place = await newPlace();
    const operate = (operation: string) =>
      write("POST", `/containers/${place.containerId}/${operation}`);
    expect(await statusOf(place)).toBe(200);
    for (const [operation, status] of [
      ["pause", 503],
      ["resume", 200],
      ["stop", 503],
      ["start", 200],
      ["restart", 200],
      ["force-stop", 503],
    ] as const) {
      await operate(operation);
      expect([operation, await statusOf(place)]).toEqual([operation, status]);
    }
  });

  test("from where the container is now", async () => {
    const place = await newPlace();
    const path = `/containers/${place.containerId}/upstream`;
    await write("PUT", path, { address: null });
    expect(await statusOf(place)).toBe(503);
    await write("PUT", path, { address: "127.0.0.1", programs: { terminal: { port: 1 } } });
    expect(await statusOf(place)).toBe(502);
    await write("PATCH", path, { programs: { terminal: { port: upstream.port } } });
    expect(await statusOf(place)).toBe(200);
  });

  test("503 for what was deleted, as for what never was", async () => {
    const place = await newPlace();
    await write("DELETE", `/containers/${place.containerId}`);
    expect(await statusOf(place)).toBe(503);
    const answer = await api.call("GET", `/containers/${place.containerId}`);
    expect([answer.status, answer.body.code]).toEqual([404, "CONTAINER_NOT_FOUND"]);
  });

  test("under another name as before", async () => {
    const place = await newPlace();
    const body = { name: "renamed", comment: "moved" };
    const told = await write("PATCH", `/containers/${place.containerId}`, body);
    expect(told).toMatchObject(body);
    expect(await statusOf(place)).toBe(200);
  });
});

test("one of many that operate at once does so", async () => {
  const { containerId } = await newPlace();
  const answers = await Promise.all(
    Array.from({ length: 16 }, () => api.call("POST", `/containers/${containerId}/pause`)),
  );
  const statuses = answers.map(({ status }) => status).sort();
  expect(statuses).toEqual([200, ...Array.from({ length: 15 }, () => 409)]);
  const { logs } = await api.data("GET", `/containers/${containerId}/status-logs`);
  expect(logs.map(({ to_status }: { to_status: string }) => to_status)).toEqual([
    "paused",
    "running",
  ]);
});

test("what was acknowledged outlives kill -9: status, logs, upstream, deletion", async () => {
  await using first = await startProgram();
  const before = await loginAdmin(first.urls);
  const kept = await makePlace(before, first.urls, upstream.port);
  const gone = await makePlace(before, first.urls, upstream.port);
  await before.data("POST", `/containers/${kept.containerId}/stop`);
  const body = { programs: { files: { port: 7 } } };
  await before.data("PUT", `/containers/${kept.containerId}/upstream`, { body });
  await before.data("DELETE", `/containers/${gone.containerId}`);
  const container = await before.data("GET", `/containers/${kept.containerId}`);
  const logs = await before.data("GET", `/containers/${kept.containerId}/status-logs`);
  await first.kill();

  await using second = await startProgram({ dataDir: first.dataDir });
  const after = await loginAdmin(second.urls);
  expect(container.programs).toEqual({ files: { port: 7, stride: 0 } });
  expect(await after.data("GET", `/containers/${kept.containerId}`)).toEqual(container);
  expect(await after.data("GET", `/containers/${kept.containerId}/status-logs`)).toEqual(logs);
  expect((await after.call("GET", `/containers/${gone.containerId}`)).status).toBe(404);
  for (const place of [kept, gone]) {
    expect(await statusThrough(second.urls, place.host("terminal-1"))).toBe(503);
  }
}, 60_000);
