import { afterAll, describe, expect, test } from "bun:test";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { AliasStateSchema } from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { BYPASS_HEADER, BypassTokens } from "../../src/proxy/hooks/bypass-token.ts";
import { HOOK_HEADER } from "../../src/proxy/hooks/hook-script.ts";
import { startProxy } from "../../src/proxy/proxy.ts";
import { PARENT } from "../harness/change-registry.ts";
import { code, echoed, HOP_KEY, LOCAL, type Placed, testBench } from "../harness/proxy-bench.ts";

const bench = await testBench();
const { ask, listen, place, proxy, upstream } = bench;

interface Told {
  method: string;
  target: string;
  headers: Record<string, string>;
  body: string;
  hook: {
    id: string;
    service: string;
    index: number;
    script: string;
    upstream: { host: string; port: number; scheme: string; path: string } | null;
    url: string;
    groups: string[] | null;
    client_ip: string;
  };
}

/** Scripts of `exec`, each at its path; others are the echo of what they are told. */
const scripts: Record<string, (request: Request) => Response | Promise<Response>> = {
  "/teapot": () => new Response("short and stout", { status: 418 }),
  "/failing": () => new Response("script failed", { status: 500 }),
  "/silent": ({ signal }) =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve(new Response()))),
  "/leaking": ({ headers }) => new Response(null, { status: 204, headers: new Headers(headers) }),
  "/count": async ({ body }) => {
    let bytes = 0;
    for await (const chunk of body ?? []) bytes += chunk.byteLength;
    return Response.json({ bytes });
  },
  "/again": async (request) => {
    const { hook } = metadata(request);
    const { host, pathname } = new URL(hook.url);
    const hop = request.headers.get(BYPASS_HEADER) ?? "";
    const headers = { host, [BYPASS_HEADER]: hop };
    return await fetch(`http://127.0.0.1:${proxy.port}${pathname}`, { headers, proxy: false });
  },
};

const exec = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  fetch: (request) => scripts[new URL(request.url).pathname]?.(request) ?? tell(request),
});

afterAll(() => exec.stop(true));

function metadata(request: Request): Pick<Told, "hook"> {
  return JSON.parse(request.headers.get(HOOK_HEADER) ?? "");
}

async function tell(request: Request): Promise<Response> {
  const target = request.url.slice(request.url.indexOf("/", 8));
  const headers = Object.fromEntries(request.headers);
  const { method } = request;
  return Response.json(
    { method, target, headers, body: await request.text(), ...metadata(request) },
    { headers: { "x-script": "yes" } },
  );
}

const hook = (path: string, script: string, more: JsonObject = {}): JsonObject => ({
  id: `to${script}`,
  match: { path },
  script: { path: script },
  timeout: 5_000,
  ...more,
});

const aliasState = (alias: string, targetPath: string) =>
  create(AliasStateSchema, {
    alias,
    program: "terminal",
    instance: 1,
    targetPath,
    allowPathOverride: true,
    enabled: true,
  });

const programs = { exec: exec.port ?? 0 };

const hooked = (...terminal: JsonObject[]) => place({ programs, hooks: { terminal } });

async function told(response: Response): Promise<Told> {
  expect(response.headers.get("x-script")).toBe("yes");
  return (await response.json()) as Told;
}

describe("a request that meets a hook", () => {
  test("goes to the script, with the original URL and the pinned upstream", async () => {
    const placed = await hooked(hook("/none", "/none.ts"), hook("/api/*", "/guard.ts"));
    const host = placed.host("terminal-1");
    const response = await ask(host, {
      path: "/api/x?a=1&b=%20",
      method: "PUT",
      body: "some text",
      headers: { "x-own": "kept", cookie: "c=1" },
    });
    const script = await told(response);
    expect([script.method, script.target, script.body]).toEqual([
      "PUT",
      "/guard.ts?a=1&b=%20",
      "some text",
    ]);
    expect(script.hook).toEqual({
      id: "to/guard.ts",
      service: "terminal",
      index: 1,
      script: "/guard.ts",
      upstream: { host: "127.0.0.1", port: upstream.port ?? 0, scheme: "http", path: "/api/x" },
      url: `http://${host}/api/x?a=1&b=%20`,
      groups: null,
      client_ip: "127.0.0.1",
    });
    expect(script.headers).toMatchObject({
      host: placed.host("exec-1"),
      "x-own": "kept",
      cookie: "c=1",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": host,
      "x-forwarded-proto": "http",
      "x-realmgate-program": "terminal",
      "x-realmgate-request-id": expect.stringMatching(/^[0-9a-f]{24}$/),
    });
  });

  test("behind a trusted proxy has the scheme and the client that this names; else nobody does", async () => {
    const placed = await hooked(hook("*", "/x.ts"));
    const headers = { "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9" };
    const urlOf = async (via: typeof proxy) => {
      const { hook } = await told(await ask(placed.host("terminal-1"), { via, headers }));
      return [hook.url, hook.client_ip];
    };
    const host = placed.host("terminal-1");
    expect(await urlOf(bench.behindTrusted)).toEqual([`https://${host}/`, "203.0.113.9"]);
    expect(await urlOf(proxy)).toEqual([`http://${host}/`, "127.0.0.1"]);
  });

  test("gets the script's answer, whatever its status", async () => {
    const placed = await hooked(hook("/tea", "/teapot"), hook("/*", "/failing"));
    const tea = await ask(placed.host("terminal-1"), { path: "/tea" });
    expect([tea.status, await tea.text()]).toEqual([418, "short and stout"]);
    const failed = await ask(placed.host("terminal-1"), { path: "/x" });
    expect([failed.status, await failed.text()]).toEqual([500, "script failed"]);
  });

  test("that is refused never gets there", async () => {
    const own = { groups: { g: LOCAL }, permissions: {}, default: "deny" };
    const placed = await place({ own, programs, hooks: { terminal: [hook("*", "/teapot")] } });
    expect((await ask(placed.host("terminal-1"))).status).toBe(403);
  });

  test("does not bring the credentials that let it in", async () => {
    const own = {
      groups: { k: { type: "token", value: "s3cret", param: "key" } },
      permissions: { k: { terminal: true } },
    };
    const placed = await place({ own, programs, hooks: { terminal: [hook("*", "/x.ts")] } });
    const script = await told(await ask(placed.host("terminal-1"), { path: "/p?key=s3cret&q=1" }));
    expect(script.target).toBe("/x.ts?q=1");
    expect(script.hook.url).toEndWith("/p?q=1");
    expect(script.hook.groups).toEqual(["k"]);
    expect(JSON.stringify(script)).not.toContain("s3cret");
  });

  test("is answered by the program where no hook matches, and where the hooks are another's", async () => {
    const placed = await hooked(hook("/api", "/teapot"));
    await echoed(await ask(placed.host("terminal-1"), { path: "/other" }));
    const other = await place({ programs, hooks: { display: [hook("*", "/teapot")] } });
    await echoed(await ask(other.host("terminal-1")));
  });

  test("is what its port belongs to, by whatever name it is asked for", async () => {
    const placed = await hooked(hook("*", "/teapot"));
    expect((await ask(placed.host(`http-${upstream.port}`))).status).toBe(418);
  });

  test("meets it behind an alias by the path that goes to the program", async () => {
    const placed = await hooked(hook("/docs/*", "/x.ts"));
    const alias = `a${placed.container.slice(12)}`;
    const aliases = [aliasState(alias, "/docs")];
    await placed.change({
      programs,
      hooks: { terminal: [hook("/docs/*", "/x.ts")] },
      state: { aliases },
    });
    const script = await told(await ask(`${alias}.${PARENT}`, { path: "/a" }));
    expect(script.hook.url).toBe(`http://${alias}.${PARENT}/a`);
    expect(script.hook.upstream?.path).toBe("/docs/a");
  });

  test.each([
    [{}, "exec-1"],
    [{ execId: "7" }, "exec-7"],
    [{ subdomain: "default" }, "exec-1"],
    [{ subdomain: "blog", execId: "2" }, "blog:exec-2"],
    [{ execId: "main" }, "exec-main"],
    [{ execId: "007" }, "exec-007"],
  ])("of %j is sent to the host of that script", async (where, expected) => {
    const placed = await hooked(hook("*", "/x.ts", { script: { path: "/x.ts", ...where } }));
    const script = await told(await ask(placed.host("terminal-1")));
    const [service = "", directory] = expected.split(":").reverse();
    const host = placed.host(service);
    expect(script.headers.host).toBe(directory === undefined ? host : `${directory}.${host}`);
  });

  test("with a number of an instance goes to the port of that one", async () => {
    const second = await listen((socket) => {
      socket.once("data", () =>
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\ntwo"),
      );
    });
    const script = { path: "/x.ts", execId: "2" };
    const hooks = { terminal: [hook("*", "/x.ts", { script })] };
    const placed = await place({ programs: { exec: [second - 1, 1] }, hooks });
    expect(await (await ask(placed.host("terminal-1"))).text()).toBe("two");
  });

  test("of many megabytes passes through both ways", async () => {
    const bytes = 64 * 1024 * 1024;
    const placed = await hooked(hook("/up", "/count"), hook("/down", "/large"));
    const up = await ask(placed.host("terminal-1"), {
      path: "/up",
      method: "POST",
      body: new Uint8Array(bytes),
    });
    expect(await up.json()).toEqual({ bytes });
    const large = new Uint8Array(bytes);
    scripts["/large"] = () => new Response(large);
    const down = await ask(placed.host("terminal-1"), { path: "/down" });
    expect((await down.arrayBuffer()).byteLength).toBe(bytes);
  });

  test("asks for an upgrade: it matches as GET, and the script is asked in the program's place", async () => {
    const placed = await hooked(hook("*", "/teapot", { match: { method: "GET" } }));
    const headers = {
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    };
    expect((await ask(placed.host("terminal-1"), { headers })).status).toBe(418);
  });
});

describe("which hook", () => {
  test("is the first that matches, by method, path and headers", async () => {
    const placed = await hooked(
      hook("/a", "/post.ts", { match: { path: "/a", method: "post" } }),
      hook("/a", "/header.ts", { match: { headers: { "x-mode": "on" } } }),
      hook("/a/*", "/below.ts"),
      hook("/a/b", "/never.ts"),
    );
    const scriptOf = async (init: Parameters<typeof ask>[1]) => {
      const response = await ask(placed.host("terminal-1"), init);
      return response.headers.get("x-script") === null ? null : (await told(response)).hook.script;
    };
    expect(await scriptOf({ path: "/a", method: "POST" })).toBe("/post.ts");
    expect(await scriptOf({ path: "/a" })).toBeNull();
    expect(await scriptOf({ path: "/a", headers: { "X-Mode": "on" } })).toBe("/header.ts");
    expect(await scriptOf({ path: "/a", headers: { "X-Mode": "On" } })).toBeNull();
    // As some programs read it: under another spelling of its name, or the first or last of several.
    expect(await scriptOf({ path: "/a", headers: { X_Mode: "on" } })).toBe("/header.ts");
    expect(await scriptOf({ path: "/a", headers: { "X-Mode": "off, on" } })).toBe("/header.ts");
    expect(await scriptOf({ path: "/a", headers: { "X-Mode": "on", X_Mode: "off" } })).toBe(
      "/header.ts",
    );
    expect(await scriptOf({ path: "/a/b" })).toBe("/below.ts");
    expect(await scriptOf({ path: "/%61/b" })).toBe("/below.ts");
    expect(await scriptOf({ path: "/a/b", method: "OPTIONS" })).toBeNull();
  });

  test.each([
    "/;%2Fx/admin",
    "/;a%2f..%2fz/admin",
    "/;%5cq/admin",
    "/ADMIN",
    "/admin/",
    "/x/..;/admin",
  ])("B1 is not gone around by %s", async (path) => {
    const placed = await hooked(hook("/admin*", "/guard.ts"));
    const host = placed.host("terminal-1");
    const answer = await bench.raw(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toContain("x-script: yes");
  });

  test("B2 of every method guards OPTIONS, too", async () => {
    const placed = await hooked(hook("/a", "/guard.ts", { match: { path: "/a", method: "*" } }));
    const response = await ask(placed.host("terminal-1"), { path: "/a", method: "OPTIONS" });
    expect((await told(response)).hook.script).toBe("/guard.ts");
  });

  test("is for members of its groups only", async () => {
    const token = (value: string) => ({ type: "token", value, header: "x-key" });
    const own = {
      groups: { staff: token("s"), guests: token("g") },
      permissions: { staff: { terminal: true }, guests: { terminal: true } },
    };
    const hooks = { terminal: [hook("*", "/x.ts", { applies_to: { groups: ["guests"] } })] };
    const placed = await place({ own, programs, hooks });
    const as = (key: string) => ask(placed.host("terminal-1"), { headers: { "x-key": key } });
    expect((await told(await as("g"))).hook.groups).toEqual(["guests"]);
    await echoed(await as("s"));
  });

  test("changes with the feed, without a restart", async () => {
    const placed = await place({ programs });
    const status = async () => (await ask(placed.host("terminal-1"))).status;
    expect(await status()).toBe(200);
    await placed.change({ programs, hooks: { terminal: [hook("*", "/teapot")] } });
    expect(await status()).toBe(418);
    await placed.change({ programs, hooks: { terminal: [hook("*", "/failing")] } });
    expect(await status()).toBe(500);
    await placed.change({ programs });
    expect(await status()).toBe(200);
  });
});

describe("a script that fails", () => {
  const closedPort = 1;
  const breaking = () => listen((socket) => socket.once("data", () => socket.destroy()));

  test("is 502: unreachable, without a port, one of our own listeners, broken off", async () => {
    for (const port of [closedPort, 9, await breaking()]) {
      const hooks = { terminal: [hook("*", "/x.ts")] };
      const placed = await place({ programs: { exec: port }, hooks });
      expect(await code(await ask(placed.host("terminal-1")))).toEqual([502, "hook_failed"]);
    }
    const placed = await place({ hooks: { terminal: [hook("*", "/x.ts")] } });
    expect(await code(await ask(placed.host("terminal-1")))).toEqual([502, "hook_failed"]);
  });

  test("is 502 where one of our own listeners is, though somebody answers there", async () => {
    const isForbidden = (_address: string, port: number) => port === exec.port;
    const via = await startProxy(bench.options({ isForbidden }), bench.registry);
    const placed = await hooked(hook("*", "/teapot"));
    expect(await via.reached(bench.registry.revision, 2_000)).toBe(true);
    expect((await ask(placed.host("terminal-1"))).status).toBe(418);
    const answer = await ask(placed.host("terminal-1"), { via });
    expect(await code(answer)).toEqual([502, "hook_failed"]);
    await via.stop(true);
  });

  test("is 504 when it says nothing within the hook's own time", async () => {
    const placed = await hooked(hook("*", "/silent", { timeout: 30 }));
    const patient = await hooked(hook("*", "/silent", { timeout: 300 }));
    const order: string[] = [];
    const asked = async (name: string, { host }: Placed) => {
      expect(await code(await ask(host("terminal-1")))).toEqual([504, "hook_timeout"]);
      order.push(name);
    };
    await Promise.all([
      asked("within 300 ms", patient),
      asked("within 30 ms", placed),
      Bun.sleep(29).then(() => order.push("29 ms")),
    ]);
    expect(order).toEqual(["29 ms", "within 30 ms", "within 300 ms"]);
  });

  test("may take longer for the rest once its answer began", async () => {
    const rest = Promise.withResolvers<void>();
    const port = await listen((socket) =>
      socket.once("data", async () => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nha");
        await rest.promise;
        socket.end("lf");
      }),
    );
    const hooks = { terminal: [hook("*", "/x.ts", { timeout: 20 })] };
    const placed = await place({ programs: { exec: port }, hooks });
    const response = ask(placed.host("terminal-1"));
    // Several times the hook's own time, and less than the proxy's for an answer.
    setTimeout(rest.resolve, 100);
    expect(await (await response).text()).toBe("half");
  });

  test.each([
    ["GET", undefined],
    ["POST", "a short body"],
    ["DELETE", undefined],
  ])("with on_error open is no harm to %s with body %p", async (method, body) => {
    for (const port of [closedPort, 9, await breaking(), undefined]) {
      const hooks = { terminal: [hook("*", "/x.ts", { on_error: "open" })] };
      const placed = await place({ programs: port === undefined ? {} : { exec: port }, hooks });
      const init = body === undefined ? { method } : { method, body };
      const echo = await echoed(await ask(placed.host("terminal-1"), { ...init, path: "/p?q=1" }));
      expect([echo.method, echo.target, echo.body]).toEqual([method, "/p?q=1", body ?? ""]);
      expect(Object.keys(echo.headers)).not.toContain(BYPASS_HEADER);
      expect(Object.keys(echo.headers)).not.toContain(HOOK_HEADER);
      expect(echo.headers.host).toBe(placed.host("terminal-1"));
    }
  });

  test("with on_error open is 504 no more, but the program's answer", async () => {
    const placed = await hooked(hook("*", "/silent", { timeout: 20, on_error: "open" }));
    await echoed(await ask(placed.host("terminal-1")));
  });

  test("with on_error open is closed to a body that it may have got", async () => {
    const port = await breaking();
    const hooks = { terminal: [hook("*", "/x.ts", { on_error: "open" })] };
    const placed = await place({ programs: { exec: port }, hooks });
    const large = { method: "POST", body: new Uint8Array(1024 * 1024) };
    expect(await code(await ask(placed.host("terminal-1"), large))).toEqual([502, "hook_failed"]);
    const none = await place({ hooks });
    const echo = await echoed(await ask(none.host("terminal-1"), large));
    expect(echo.body.length).toBe(1024 * 1024);
  });
});

describe("the marker of a script", () => {
  const markers = new BypassTokens(() => [HOP_KEY]);
  const ring = () => hooked(hook("*", "/teapot"));
  const withMarker = (placed: Placed, marker: string) =>
    ask(placed.host("terminal-1"), { headers: { [BYPASS_HEADER]: marker } });

  test("lets it call its container through the gate, once round", async () => {
    const placed = await hooked(hook("*", "/again"));
    const echo = await echoed(await ask(placed.host("terminal-1"), { path: "/inner" }));
    expect(echo.target).toBe("/inner");
    expect(Object.keys(echo.headers).filter((name) => name.includes("realmgate-ho"))).toEqual([]);
  });

  test.each([
    ["made up", () => `${Date.now() + 30_000}.${"A".repeat(43)}`],
    ["expired", (c: string) => markers.make(c, Date.now() - 120_001)],
    ["from the future", (c: string) => markers.make(c, Date.now() + 660_000)],
    ["another container's", () => markers.make("d".repeat(24), Date.now())],
    [
      "signed by another",
      (c: string) => new BypassTokens(() => [Buffer.alloc(32, 8)]).make(c, Date.now()),
    ],
    ["sent twice", (c: string) => `${markers.make(c, Date.now())}, ${markers.make(c, Date.now())}`],
    ["empty", () => ""],
  ])("that is %s changes nothing: the hook runs", async (_what, make) => {
    const placed = await ring();
    expect((await withMarker(placed, make(placed.container))).status).toBe(418);
  });

  test("goes nowhere else: not to programs, not to clients", async () => {
    const placed = await ring();
    const marker = markers.make(placed.container, Date.now());
    const echo = await echoed(await withMarker(placed, marker));
    expect(Object.keys(echo.headers)).not.toContain(BYPASS_HEADER);
    const leaking = await hooked(hook("*", "/leaking"));
    const response = await ask(leaking.host("terminal-1"), { headers: { "x-own": "kept" } });
    expect(response.status).toBe(204);
    expect(response.headers.get("x-own")).toBe("kept");
    expect([response.headers.get(BYPASS_HEADER), response.headers.get(HOOK_HEADER)]).toEqual([
      null,
      null,
    ]);
  });

  test("and the metadata a client sends are not what the script gets", async () => {
    const placed = await hooked(hook("*", "/x.ts"));
    const headers = { [HOOK_HEADER]: '{"hook":{"id":"mine"}}', [BYPASS_HEADER]: "mine" };
    const script = await told(await ask(placed.host("terminal-1"), { headers }));
    expect(script.hook.id).toBe("to/x.ts");
    const marker = script.headers[BYPASS_HEADER] ?? "";
    expect(markers.holds(marker, placed.container, Date.now())).toBe(true);
  });
});
