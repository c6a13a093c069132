// Calls that go on, hooks on their way, and what operators see of them.
import { afterAll, describe, expect, test } from "bun:test";
import { BYPASS_HEADER, BypassTokens } from "../../src/proxy/hooks/bypass-token.ts";
import { AccessLog } from "../../src/proxy/observe/access-log.ts";
import { startProxy } from "../../src/proxy/proxy.ts";
import type { Placement } from "../harness/change-registry.ts";
import { code, echoed, HOP_KEY, LOCAL, type Placed, testBench } from "../harness/proxy-bench.ts";
import { until } from "../harness/until.ts";

const { ask, behindTrusted, options, place, proxy, registry, upstream } = await testBench();

let reached = () => {};
let left = () => {};

/** Begins to answer and goes on; `/silent` does not begin. */
const streaming = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  fetch(request) {
    request.signal.addEventListener("abort", () => left());
    reached();
    if (request.url.endsWith("/silent")) {
      return new Promise<Response>((resolve) => {
        request.signal.addEventListener("abort", () => resolve(new Response()));
      });
    }
    return new Response(new ReadableStream({ start: (controller) => controller.enqueue("begun") }));
  },
});
afterAll(() => streaming.stop(true));

const own = {
  groups: { here: LOCAL },
  permissions: { here: { terminal: true, curl: true } },
  default: "deny",
};
const programs = { terminal: streaming.port ?? 0 };
const without = (program: "terminal" | "curl"): Placement => ({
  programs,
  own: { ...own, permissions: { here: { terminal: true, curl: true, [program]: false } } },
});

function link(placed: Placed, path: string, init: Parameters<typeof ask>[1] = {}) {
  const url = encodeURIComponent(`https://${placed.host("terminal-1")}${path}`);
  return ask(placed.host("curl-1"), { ...init, path: `/proxy?url=${url}` });
}

async function begun(placed: Placed) {
  const response = await link(placed, "/stream");
  const reader = response.body?.getReader();
  if (reader === undefined) throw new Error("there is no body");
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("begun");
  return reader;
}

const leaving = () => new Promise<void>((resolve) => (left = resolve));
const reaching = () => new Promise<void>((resolve) => (reached = resolve));

async function openExchanges(): Promise<number> {
  const line = /^realmgate_exchanges_open (\d+)$/m.exec(await proxy.metrics.text());
  return Number(line?.[1]);
}

describe.each(["terminal", "curl"] as const)("when %s is allowed no more", (program) => {
  test("a call whose answer goes on is broken off, on both sides", async () => {
    const placed = await place({ own, programs });
    const gone = leaving();
    const reader = await begun(placed);
    await placed.change(without(program));
    await expect(reader.read()).rejects.toThrow();
    await gone;
    expect(await openExchanges()).toBe(0);
  });

  test("a call that waits is refused", async () => {
    const placed = await place({ own, programs });
    const asked = reaching();
    const waiting = link(placed, "/silent");
    await asked;
    await placed.change(without(program));
    expect(await code(await waiting)).toEqual([403, "not_granted"]);
    expect(await openExchanges()).toBe(0);
  });
});

test("a call whose reader goes away lets go of the program", async () => {
  const placed = await place({ own, programs });
  for (const path of ["/stream", "/silent"]) {
    const asked = reaching();
    const gone = leaving();
    const abort = new AbortController();
    const call = link(placed, path, { signal: abort.signal })
      .then((response) => response.text())
      .catch(() => null);
    await asked;
    abort.abort();
    await call;
    await gone;
  }
  await until(async () => (await openExchanges()) === 0, "no exchange is open");
});

test("a call whose own body does not come is refused once curl is allowed no more", async () => {
  const placed = await place({ own, programs });
  const body = new ReadableStream({ start: (controller) => controller.enqueue('{"url":') });
  const response = ask(placed.host("curl-1"), {
    path: "/proxy",
    method: "POST",
    body,
    headers: { "content-type": "application/json" },
  });
  await until(async () => (await openExchanges()) > 0, "the exchange is open");
  await placed.change(without("curl"));
  expect(await code(await response)).toEqual([403, "not_granted"]);
});

describe("hooks", () => {
  const hook = (path: string, more = {}) => ({
    id: "h",
    match: { path },
    script: { path: "/script" },
    timeout: 2_000,
    ...more,
  });

  test("of the program that is called are met by the call", async () => {
    const hooks = { terminal: [hook("/a")] };
    const placed = await place({ programs: { exec: upstream.port ?? 0 }, hooks });
    expect((await echoed(await link(placed, "/a"))).target).toBe("/script");
    expect((await echoed(await link(placed, "/b"))).target).toBe("/b");
  });

  test("of the program that is called let through what its script calls", async () => {
    const hooks = { terminal: [hook("*")] };
    const placed = await place({ programs: { exec: upstream.port ?? 0 }, hooks });
    const marker = new BypassTokens(() => [HOP_KEY]).make(placed.container, Date.now());
    const headers = { [BYPASS_HEADER]: marker };
    expect((await echoed(await link(placed, "/a", { headers }))).target).toBe("/a");
    expect((await echoed(await link(placed, "/a"))).target).toBe("/script");
  });

  test("of curl stand before it; one that fails open leaves it to answer", async () => {
    const programs = { exec: upstream.port ?? 0 };
    const placed = await place({ programs, hooks: { curl: [hook("*")] } });
    const echo = await echoed(await link(placed, "/a"));
    expect(echo.target).toStartWith("/script?url=");
    expect(JSON.parse(echo.headers["x-realmgate-hook"] ?? "").hook.upstream).toBeNull();
    await placed.change({ hooks: { curl: [hook("*", { on_error: "open" })] } });
    expect((await echoed(await link(placed, "/a"))).target).toBe("/a");
    await placed.change({ hooks: { curl: [hook("*")] } });
    expect(await code(await link(placed, "/a"))).toEqual([502, "hook_failed"]);
  });
});

test("a call has a line of its own and one for what it called, and no query in either", async () => {
  const texts: string[] = [];
  const sink = {
    write: async (lines: readonly string[]) => void texts.push(...lines),
    async close() {},
  };
  const accessLog = new AccessLog(sink, options().log);
  const via = await startProxy(options({ accessLog }), registry);
  const placed = await place({ own });
  expect(await via.reached(registry.revision, 2_000)).toBe(true);
  const id = "4bf92f3577b34da6a3ce929d0e0e4736";
  const headers = { traceparent: `00-${id}-00f067aa0ba902b7-01` };
  const url = encodeURIComponent(`https://${placed.host("terminal-1")}/in?k=s3cret`);
  const path = `/proxy?url=${url}&auth=Bearer%20s3cret&body=s3cret`;
  const response = await ask(placed.host("curl-1"), { path, headers, via });
  expect((await echoed(response)).headers.traceparent).toBe(headers.traceparent);
  await ask(placed.host("curl-1"), { path: "/proxy?url=https://s3cret.test/", via });
  await via.stop(true);
  await accessLog.close();
  expect(texts.join("\n")).not.toContain("s3cret");
  const requestId = response.headers.get("x-realmgate-request-id") ?? "?";
  const lines = texts.map((text) => JSON.parse(text));
  const line = { traceId: id, requestId, client: "127.0.0.1", status: 200, ended: "complete" };
  expect(lines).toContainEqual(
    expect.objectContaining({ ...line, program: "terminal", path: "/in", method: "POST" }),
  );
  expect(lines).toContainEqual(
    expect.objectContaining({ ...line, program: "curl", path: "/proxy", method: "GET" }),
  );
  expect(lines).toContainEqual(
    expect.objectContaining({ program: "curl", status: 403, reason: "curl_url" }),
  );
  expect(lines.length).toBe(3);
});

test("many megabytes stream through a call", async () => {
  const bytes = 64 * 1024 * 1024;
  const body = new Uint8Array(bytes);
  const large = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(body) });
  const placed = await place({ programs: { terminal: large.port ?? 0 } });
  expect((await (await link(placed, "/", { via: behindTrusted })).arrayBuffer()).byteLength).toBe(
    bytes,
  );
  await large.stop(true);
});
