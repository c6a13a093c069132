// From a committed write to the proxy that enforces it, as an operator sees it.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Api, loginAdmin, makePlace, statusThrough } from "../harness/client.ts";
import { type Program, startProgram, startUpstream, type Upstream } from "../harness/program.ts";

let program: Program;
let upstream: Upstream;
let api: Api;

beforeAll(async () => {
  [program, upstream] = await Promise.all([startProgram(), startUpstream()]);
  api = await loginAdmin(program.urls);
});

afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await program[Symbol.asyncDispose]();
});

const closed = { groups: {}, permissions: {}, default: "deny" };

describe("the feed", () => {
  test("a write is enforced at the revision its answer names, on connections that are already open", async () => {
    const place = await makePlace(api, program.urls, upstream.port);
    for (let round = 0; round < 50; round++) {
      expect(await statusThrough(program.urls, place.host("terminal-1"))).toBe(200);
      await place.container.replace(closed);
      expect(await statusThrough(program.urls, place.host("terminal-1"))).toBe(403);
      await place.container.write("DELETE", "");
    }
  });

  test("a change of the project's document reaches every container that has none of its own", async () => {
    const place = await makePlace(api, program.urls, upstream.port);
    await place.project.replace(closed);
    expect(await statusThrough(program.urls, place.host("files"))).toBe(403);
    await place.project.write("PATCH", "/default", { default: "allow" });
    expect(await statusThrough(program.urls, place.host("files"))).toBe(200);
  });

  test("the proxy enforces what was stored before a restart", async () => {
    const first = await startProgram();
    const owner = await loginAdmin(first.urls);
    const place = await makePlace(owner, first.urls, upstream.port);
    await place.project.replace(closed);
    await first.kill();
    await using second = await startProgram({ dataDir: first.dataDir });
    expect(await statusThrough(second.urls, place.host("terminal"))).toBe(403);
  });

  test("revision tokens tell nothing: the same revision never looks the same, and other bytes are refused", async () => {
    const { id } = await api.data("POST", "/projects", { body: { alias: "tokens" } });
    const path = `/projects/${id}/proxy/permissions/state`;
    const tokens = new Set<string | null>();
    for (const version of [0, 1, 2]) {
      const headers = { "if-match": `file:v${version}` };
      const answer = await api.call("PATCH", path, { body: { enable_proxy: true }, headers });
      tokens.add(answer.headers.get("x-realmgate-revision"));
    }
    expect(tokens.size).toBe(3);
    for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]{59}$/);
    for (const forged of ["1", "AAAA", `${[...tokens][0]}x`.slice(1)]) {
      const answer = await fetch(`${program.urls.ops}/readyz?revision=${forged}`);
      expect(answer.status).toBe(400);
    }
  });

  test.each([
    { query: "", status: 200 },
    { query: "?wait_ms=0", status: 200 },
    { query: "?wait_ms=-1", status: 400 },
    { query: "?wait_ms=60001", status: 400 },
    { query: "?wait_ms=soon", status: 400 },
  ])("/readyz$query answers $status", async ({ query, status }) => {
    expect((await fetch(`${program.urls.ops}/readyz${query}`)).status).toBe(status);
  });

  test("operators' paths are on no public listener", async () => {
    for (const path of ["/healthz", "/readyz", "/metrics"]) {
      expect((await fetch(`${program.urls.rest}${path}`)).status).toBe(404);
      expect((await fetch(`${program.urls.proxy}${path}`)).status).toBe(404);
    }
  });
});
