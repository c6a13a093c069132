// Aliases of a running program: one name, one owner, whatever happens at once; and what was acknowledged stays.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Answer, type Api, enforced, loginAdmin, makePlace } from "../harness/client.ts";
import { type Program, startProgram } from "../harness/program.ts";

/** Where nobody has to listen. */
const port = 9;

let program: Program;
let api: Api;

beforeAll(async () => {
  program = await startProgram();
  api = await loginAdmin(program.urls);
});

afterAll(() => program[Symbol.asyncDispose]());

const newPlace = () => makePlace(api, program.urls, port);
const make = (container_id: string, alias: unknown): Promise<Answer> =>
  api.call("POST", "/proxy/aliases", { body: { container_id, alias, program: "terminal" } });

test("a write of an alias is a revision that the gate reaches", async () => {
  const { containerId } = await newPlace();
  const made = await make(containerId, "revised");
  await enforced(program.urls, made);
  const path = `/proxy/aliases/${made.body.data.id}`;
  await enforced(program.urls, await api.call("PATCH", path, { body: { index: 2 } }));
  const off = { body: { enabled: false } };
  await enforced(program.urls, await api.call("PUT", `${path}/state`, off));
  await enforced(program.urls, await api.call("DELETE", path));
});

describe("one name", () => {
  test("goes to one of many that create it at once, and again once it is free", async () => {
    const places = [await newPlace(), await newPlace()] as const;
    for (const round of ["first", "second", "third"]) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          make(places[n % 2 === 0 ? 0 : 1].containerId, "wanted"),
        ),
      );
      const won = answers.filter(({ status }) => status === 201);
      expect([round, won.length]).toEqual([round, 1]);
      for (const { status, body } of answers) {
        if (status !== 201) expect([status, body.code]).toEqual([409, "ALIAS_IN_USE"]);
      }
      const { aliases } = await api.data("GET", "/proxy/aliases");
      const held = aliases.filter(({ alias }: { alias: string }) => alias === "wanted");
      expect(held).toEqual([won[0]?.body.data]);
      await api.data("DELETE", `/proxy/aliases/${won[0]?.body.data.id}`);
    }
  });

  test("is free again once its container or its project is gone", async () => {
    const [first, second, third] = [await newPlace(), await newPlace(), await newPlace()];
    expect((await make(first.containerId, "moving")).status).toBe(201);
    expect((await make(second.containerId, "moving")).status).toBe(409);
    await api.data("DELETE", `/containers/${first.containerId}`);
    expect((await make(second.containerId, "moving")).status).toBe(201);
    expect((await make(third.containerId, "moving")).status).toBe(409);
    const { deleted } = await api.data("DELETE", `/projects/${second.projectId}`);
    expect(deleted).toMatchObject({ containers: 1, aliases: 1 });
    expect((await make(third.containerId, "moving")).status).toBe(201);
  });
});

test("what was acknowledged outlives kill -9", async () => {
  await using first = await startProgram();
  const before = await loginAdmin(first.urls);
  const { containerId } = await makePlace(before, first.urls, port);
  const body = { container_id: containerId, alias: "kept", program: "http-3000" };
  const kept = await before.data("POST", "/proxy/aliases", { body });
  const gone = await before.data("POST", "/proxy/aliases", { body: { ...body, alias: "gone" } });
  const changes = { body: { target_path: "a", expires_at: "2099-01-01T00:00:00Z" } };
  const changed = await before.data("PATCH", `/proxy/aliases/${kept.id}`, changes);
  await before.data("DELETE", `/proxy/aliases/${gone.id}`);
  await first.kill();

  await using second = await startProgram({ dataDir: first.dataDir });
  const after = await loginAdmin(second.urls);
  const expected = { ...kept, target_path: "/a", expires_at: "2099-01-01T00:00:00.000Z" };
  expect(changed).toEqual({ ...expected, updated_at: changed.updated_at });
  expect(await after.data("GET", "/proxy/aliases")).toEqual({ aliases: [changed], count: 1 });
}, 60_000);
