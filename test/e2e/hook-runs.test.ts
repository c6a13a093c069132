// Hooks, aliases and the curl program of a running program, as their owners set them up: over REST, without a restart.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  type Api,
  enforced,
  loginAdmin,
  makePlace,
  type Place,
  through,
} from "../harness/client.ts";
import {
  type Echo,
  type Program,
  startProgram,
  startUpstream,
  type Upstream,
} from "../harness/program.ts";
import { until } from "../harness/until.ts";

let program: Program;
/** The programs of the kit, `exec` among them. */
let kit: Upstream;
let api: Api;

beforeAll(async () => {
  [program, kit] = await Promise.all([startProgram(), startUpstream()]);
  api = await loginAdmin(program.urls);
}, 30_000);

afterAll(async () => {
  await Promise.all([program, kit].map((each) => each[Symbol.asyncDispose]()));
});

const newPlace = () => makePlace(api, program.urls, kit.port);

async function echoed(response: Response): Promise<Echo> {
  expect([response.status, response.headers.get("x-upstream")]).toEqual([200, "echo"]);
  return (await response.json()) as Echo;
}

/** A write that has to succeed, and is enforced. */
async function write(method: string, path: string, body?: unknown, version?: number) {
  const answer = await api.call(method, path, {
    ...(body === undefined ? {} : { body }),
    ...(version === undefined ? {} : { headers: { "if-match": `file:v${version}` } }),
  });
  expect([path, answer.status < 300]).toEqual([path, true]);
  await enforced(program.urls, answer);
  return answer.body.data;
}

describe("a hook", () => {
  const guard = {
    match: { method: ["GET", "POST"], path: "/api/*", headers: { "X-Mode": "on" } },
    script: { path: "/guard.ts", subdomain: "blog" },
    timeout: 5_000,
  };
  const headers = { "x-mode": "on" };
  const ask = (place: Place, path = "/api/x?a=1") =>
    through(program.urls, place.host("terminal-1"), {
      path,
      method: "POST",
      headers,
      body: "b",
      from: "203.0.113.9",
    });

  test("stands before its program from its writing until its deletion", async () => {
    const place = await newPlace();
    const path = `/containers/${place.containerId}/proxy/hooks/terminal`;
    expect((await echoed(await ask(place))).url).toBe("/api/x?a=1");
    const { hook } = await write("POST", path, guard, 0);
    const echo = await echoed(await ask(place));
    expect([echo.method, echo.url, echo.body]).toEqual(["POST", "/guard.ts?a=1", "b"]);
    expect(echo.headers.host).toBe(`blog.${place.host("exec-1")}`);
    expect(JSON.parse(echo.headers["x-realmgate-hook"] ?? "")).toEqual({
      hook: {
        id: hook.id,
        service: "terminal",
        index: 0,
        script: "/guard.ts",
        upstream: { host: "127.0.0.1", port: kit.port, scheme: "http", path: "/api/x" },
        url: `http://${place.host("terminal-1")}/api/x?a=1`,
        groups: null,
        client_ip: "203.0.113.9",
      },
    });
    expect((await echoed(await ask(place, "/other"))).url).toBe("/other");

    const back = { ...headers, "x-realmgate-hop": echo.headers["x-realmgate-hop"] ?? "" };
    const again = await echoed(
      await through(program.urls, place.host("terminal-1"), { path: "/api/x", headers: back }),
    );
    expect(again.url).toBe("/api/x");
    expect(Object.keys(again.headers).filter((name) => /hop|hook/.test(name))).toEqual([]);

    await write("DELETE", `${path}/${hook.id}`, undefined, 1);
    expect((await echoed(await ask(place))).url).toBe("/api/x?a=1");
  });

  test("that stands first after a move is the one that is met", async () => {
    const place = await newPlace();
    const path = `/containers/${place.containerId}/proxy/hooks/terminal`;
    const second = { ...guard, script: { path: "/second.ts" } };
    await write("POST", path, guard, 0);
    const { hook } = await write("POST", path, second, 1);
    expect((await echoed(await ask(place))).url).toBe("/guard.ts?a=1");
    await write("PATCH", `${path}/${hook.id}/position`, { position: 0 }, 2);
    expect((await echoed(await ask(place))).url).toBe("/second.ts?a=1");
  });
});

describe("an alias", () => {
  test("leads as it was stored, until it is switched off or its time is over", async () => {
    const place = await newPlace();
    const container_id = place.containerId;
    const alias = `docs-${place.containerId.slice(0, 8)}`;
    const body = { container_id, alias, program: "terminal", target_path: "/base?lang=eo" };
    const { id } = await write("POST", "/proxy/aliases", { ...body, allow_path_override: true });
    const host = `${alias}.local.containers.localhost`;
    const get = (path: string) => through(program.urls, host, { path });
    expect((await echoed(await get("/a?q=1"))).url).toBe("/base/a?lang=eo&q=1");
    expect((await get("/..%2fx")).status).toBe(404);
    await write("PATCH", `/proxy/aliases/${id}`, { allow_path_override: false });
    expect((await echoed(await get("/"))).url).toBe("/base?lang=eo");
    expect((await get("/?q=1")).status).toBe(404);
    expect((await get("/a")).status).toBe(404);
    await write("PUT", `/proxy/aliases/${id}/state`, { enabled: false });
    expect((await get("/")).status).toBe(404);
    await write("PUT", `/proxy/aliases/${id}/state`, { enabled: true });
    expect((await get("/")).status).toBe(200);
    const soon = new Date(Date.now() + 700).toISOString();
    await write("PATCH", `/proxy/aliases/${id}`, { expires_at: soon });
    const ended = await until(async () => {
      const { status } = await get("/");
      return status !== 200 && status;
    }, "the alias ends");
    expect(ended).toBe(404);
  });
});

describe("the curl program", () => {
  /** As it stands in the description, but for the hosts. */
  const line =
    'https://67e89abc...890abc-curl-1.node-us.containers.hoody.icu/proxy?url=https://67e89abc...890abc-terminal-1.node-us.containers.hoody.icu/execute&method=POST&auth=Bearer%20jwt-token&body={"command":"ls -la"}';
  const named = (place: Place) =>
    line.replace(
      /https:\/\/67e89abc\.\.\.890abc-([a-z0-9-]+)\.node-us\.containers\.hoody\.icu/g,
      (_, name) => `https://${place.host(name)}`,
    );

  test("makes of the description's link the description's call", async () => {
    const place = await newPlace();
    const link = new URL(named(place));
    const path = `${link.pathname}${link.search}`;
    const echo = await echoed(await through(program.urls, link.host, { path }));
    expect([echo.method, echo.url, echo.body]).toEqual([
      "POST",
      "/execute",
      '{"command":"ls -la"}',
    ]);
    expect(echo.headers).toMatchObject({
      authorization: "Bearer jwt-token",
      "content-type": "application/json",
      host: place.host("terminal-1"),
    });
  });

  test("makes of the description's bookmark the description's deployment", async () => {
    const place = await newPlace();
    const url = `https://${place.host("exec-1")}/api/deploy`;
    const body = JSON.stringify({ environment: "production" });
    const fields = { url, method: "POST", auth: "Bearer your-jwt-token", body };
    const path = `/proxy?${new URLSearchParams(fields)}`;
    const echo = await echoed(await through(program.urls, place.host("curl-1"), { path }));
    expect([echo.method, echo.url, echo.body]).toEqual(["POST", "/api/deploy", body]);
  });

  test("judges the client by its own address, twice", async () => {
    const place = await newPlace();
    const office = { type: "ip", range: "203.0.113.0/24" };
    const open = { groups: { office }, permissions: { office: { terminal: true, curl: true } } };
    await place.container.replace({ ...open, default: "deny" });
    const url = encodeURIComponent(`https://${place.host("terminal-1")}/`);
    const status = async (from: string) =>
      (await through(program.urls, place.host("curl-1"), { path: `/proxy?url=${url}`, from }))
        .status;
    expect([await status("203.0.113.9"), await status("198.51.100.1")]).toEqual([200, 403]);
    for (const permissions of [{ terminal: true }, { curl: true }]) {
      await place.container.replace({
        ...open,
        permissions: { office: permissions },
        default: "deny",
      });
      expect(await status("203.0.113.9")).toBe(403);
    }
  });

  test("reaches none of our own listeners, and no other place", async () => {
    const place = await newPlace();
    const { rest, ops, grpc, proxy } = program.urls;
    for (const url of [`${rest}/healthz`, `${ops}/metrics`, grpc, proxy, "http://localhost/"]) {
      const path = `/proxy?url=${encodeURIComponent(url)}`;
      const response = await through(program.urls, place.host("curl-1"), { path });
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
        403,
        "curl_url",
      ]);
    }
    expect(program.log()).not.toContain("request failed in the gate");
  });
});
