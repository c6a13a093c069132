// Exchanges with scripts of hooks while things change, and what operators see of them.
import { afterAll, describe, expect, test } from "bun:test";
import net from "node:net";
import { AccessLog } from "../../src/proxy/observe/access-log.ts";
import { type ProxyServer, startProxy } from "../../src/proxy/proxy.ts";
import type { Placement } from "../harness/change-registry.ts";
import { parsePrometheusText, sampleValue } from "../harness/prometheus-text.ts";
import { code, echoed, LOCAL, testBench } from "../harness/proxy-bench.ts";
import { until } from "../harness/until.ts";

const { ask, listen, options, place, proxy, registry } = await testBench();

let reachedSilent = () => {};

/** Begins to answer, and goes on until it is cut off. */
const exec = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  fetch(request) {
    if (request.url.endsWith("/silent")) {
      reachedSilent();
      return new Promise<Response>((resolve) => {
        request.signal.addEventListener("abort", () => resolve(new Response()));
      });
    }
    const body = new ReadableStream({ start: (controller) => controller.enqueue("begun") });
    return new Response(body);
  },
});
afterAll(() => exec.stop(true));

async function exchangesOpen({ metrics }: ProxyServer): Promise<boolean> {
  const families = parsePrometheusText(await metrics.text());
  return sampleValue(families, "realmgate_exchanges_open", {}) === 1;
}

const own = { groups: { here: LOCAL }, permissions: { here: { terminal: true } }, default: "deny" };
const programs = { exec: exec.port ?? 0 };

const hook = (script: string, more = {}) => ({
  id: `to${script}`,
  match: { path: "/s/*" },
  script: { path: script },
  timeout: 5_000,
  ...more,
});

const streaming: Placement = { own, programs, hooks: { terminal: [hook("/stream")] } };

async function begun(host: string) {
  const response = await ask(host, { path: "/s/x" });
  const reader = response.body?.getReader();
  if (reader === undefined) throw new Error("there is no body");
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("begun");
  return reader;
}

test("a script's answer ends when its request is allowed no more", async () => {
  const placed = await place(streaming);
  const reader = await begun(placed.host("terminal-1"));
  const other = await place(streaming);
  const untouched = await begun(other.host("terminal-1"));
  await placed.change({ ...streaming, own: { ...own, permissions: { here: { files: true } } } });
  await expect(reader.read()).rejects.toThrow();
  let ended = false;
  const end = untouched.read().then(() => {
    ended = true;
  });
  await echoed(await ask(other.host("terminal-1"), { path: "/other" }));
  expect(ended).toBe(false);
  await untouched.cancel();
  await end;
});

test("a request that waits for a script is refused as soon as it is allowed no more", async () => {
  const silent: Placement = { own, programs, hooks: { terminal: [hook("/silent")] } };
  const placed = await place(silent);
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  reachedSilent = resolve;
  const waiting = ask(placed.host("terminal-1"), { path: "/s/x" });
  await asked;
  await placed.change({ ...silent, own: { ...own, permissions: {} } });
  expect(await code(await waiting)).toEqual([403, "not_granted"]);
});

test("a program's answer in place of a script's nonsense ends when its request is allowed no more", async () => {
  const nonsense = await listen((socket) =>
    socket.once("data", () => {
      socket.end(
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      );
    }),
  );
  const opened: Placement = {
    own,
    programs: { terminal: exec.port ?? 0, exec: nonsense },
    hooks: { terminal: [hook("/x", { on_error: "open" })] },
  };
  const placed = await place(opened);
  const reader = await begun(placed.host("terminal-1"));
  await placed.change({ ...opened, own: { ...own, permissions: {} } });
  await expect(reader.read()).rejects.toThrow();
});

describe("a short body that stops on its way to a script that may fail", () => {
  const opened: Placement = {
    own,
    programs,
    hooks: { terminal: [hook("/x", { on_error: "open" })] },
  };

  /** Resolves with all that came once the gate has closed the connection. */
  function half(host: string, port = proxy.port): { sent: Promise<void>; answer: Promise<string> } {
    const { promise: answer, resolve } = Promise.withResolvers<string>();
    let received = "";
    const socket = net.connect(port, "127.0.0.1");
    const head = `POST /s/x HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 10\r\n\r\nhalf`;
    const sent = new Promise<void>((done) => socket.write(head, () => done()));
    socket.on("data", (data) => {
      received += data.toString("latin1");
      if (received.endsWith("}")) socket.end();
    });
    socket.on("close", () => resolve(received));
    return { sent, answer };
  }

  test("is 504", async () => {
    const placed = await place(opened);
    const { answer } = half(placed.host("terminal-1"));
    expect(await answer).toMatch(/^HTTP\/1.1 504 .*"hook_timeout"}$/s);
  });

  test("is refused as soon as its request is allowed no more", async () => {
    const via = await startProxy(options({ responseHeaderMs: 60_000 }), registry);
    const placed = await place(opened);
    expect(await via.reached(registry.revision, 2_000)).toBe(true);
    const { sent, answer } = half(placed.host("terminal-1"), via.port);
    await sent;
    await until(() => exchangesOpen(via), "one exchange is open");
    await placed.change({ ...opened, own: { ...own, permissions: {} } });
    expect(await answer).toMatch(/^HTTP\/1.1 403 .*"not_granted"}$/s);
    await via.stop(true);
  });
});

test("an exchange goes on when its hook is taken away, moved or joined by another", async () => {
  const placed = await place({ own });
  await placed.change(streaming);
  const reader = await begun(placed.host("terminal-1"));
  for (const hooks of [{ terminal: [hook("/silent"), hook("/stream")] }, {}]) {
    await placed.change({ ...streaming, hooks });
    await echoed(await ask(placed.host("terminal-1"), { path: "/other" }));
  }
  const rest = reader.read();
  await echoed(await ask(placed.host("terminal-1"), { path: "/other" }));
  expect(Bun.peek.status(rest)).toBe("pending");
  await reader.cancel();
});

test("operators see what hooks did, and which hook a request met", async () => {
  const lines: { hook: string | null; status: number; reason: string; program: string }[] = [];
  const sink = {
    write: async (texts: readonly string[]) =>
      void lines.push(...texts.map((text) => JSON.parse(text))),
    async close() {},
  };
  const accessLog = new AccessLog(sink, options().log);
  const via = await startProxy(options({ accessLog }), registry);
  const terminal = [
    hook("/silent", { timeout: 10, match: { path: "/silent" } }),
    hook("/silent", { timeout: 10, match: { path: "/open" }, on_error: "open" }),
    hook("/stream", { match: { path: "/stream" } }),
  ];
  const placed = await place({ programs, hooks: { terminal, code: [hook("/x")] } });
  const failing = await place({ hooks: { terminal: [hook("/x")] } });
  expect(await via.reached(registry.revision, 2_000)).toBe(true);
  const statuses: number[] = [];
  for (const [host, path] of [
    [placed.host("terminal-1"), "/silent"],
    [placed.host("terminal-1"), "/open"],
    [placed.host("terminal-1"), "/stream"],
    [placed.host("terminal-1"), "/none"],
    [failing.host("terminal-1"), "/s/x"],
  ] as const) {
    const response = await ask(host, { path, via });
    statuses.push(response.status);
    await response.body?.cancel();
  }
  expect(statuses).toEqual([504, 200, 200, 200, 502]);
  await via.stop(true);
  await accessLog.close();
  const seen = lines.map(({ program, hook, status, reason }) => [program, hook, status, reason]);
  expect(seen.sort()).toEqual([
    ["terminal", null, 200, "open"],
    ["terminal", "to/silent", 200, "open"],
    ["terminal", "to/silent", 504, "hook_timeout"],
    ["terminal", "to/stream", 200, "open"],
    ["terminal", "to/x", 502, "hook_failed"],
  ]);
  const families = parsePrometheusText(await via.metrics.text());
  for (const outcome of ["answered", "failed", "timeout", "opened"]) {
    expect(sampleValue(families, "realmgate_hook_runs_total", { outcome })).toBe(1);
  }
});

test("a request that fails in the gate itself is let go of", async () => {
  const isForbidden = (_address: string, port: number) => {
    if (port === exec.port) throw new Error("secret detail");
    return false;
  };
  const via = await startProxy(options({ isForbidden }), registry);
  const placed = await place({ programs, hooks: { terminal: [hook("/stream")] } });
  expect(await via.reached(registry.revision, 2_000)).toBe(true);
  const answer = await ask(placed.host("terminal-1"), { path: "/s/x", via });
  expect(await code(answer)).toEqual([500, "internal_error"]);
  const families = parsePrometheusText(await via.metrics.text());
  expect(sampleValue(families, "realmgate_exchanges_open", {})).toBe(0);
  await via.stop(true);
});
