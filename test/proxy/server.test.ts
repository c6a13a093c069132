import { describe, expect, test } from "bun:test";
import { startProxy } from "../../src/proxy/proxy.ts";
import { testBench } from "../harness/proxy-bench.ts";
import { within } from "../harness/until.ts";

const { ask, listen, logged, options, place, proxy, registry } = await testBench();

describe("the proxy itself", () => {
  test("refuses a browser with a page", async () => {
    const response = await ask("example.test", { headers: { accept: "text/html,*/*;q=0.8" } });
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await response.text()).toContain(response.headers.get("x-realmgate-request-id") ?? "?");
  });

  test("survives an error of its own with 500, and says nothing of it", async () => {
    const failing = await startProxy(
      options({
        isForbidden: () => {
          throw new Error("secret detail");
        },
      }),
      registry,
    );
    const placed = await place();
    expect(await failing.reached(registry.revision, 2_000)).toBe(true);
    for (let i = 0; i < 2; i++) {
      const response = await ask(placed.host("terminal-1"), { via: failing });
      const text = await response.text();
      expect([response.status, text.includes("internal_error"), text.includes("secret")]).toEqual([
        500,
        true,
        false,
      ]);
    }
    expect(logged.some(({ message }) => message === "request failed in the gate")).toBe(true);
    await failing.stop();
  });

  test("stops when the open requests are done", async () => {
    const connected = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const port = await listen((socket) => {
      connected.resolve();
      socket.once("data", async () => {
        await finish.promise;
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
      });
    });
    const placed = await place({ programs: { terminal: port } });
    const stopping = await startProxy(options({ responseHeaderMs: 60_000 }), registry);
    const response = ask(placed.host("terminal-1"), { via: stopping });
    await within(connected.promise, "the upstream is connected to");
    const stopped = stopping.stop();
    finish.resolve();
    expect(await (await response).text()).toBe("done");
    await stopped;
    await expect(ask(placed.host("terminal-1"), { via: stopping })).rejects.toThrow();
  });

  test("says which revision it enforces", async () => {
    await place();
    expect(proxy.revision()).toBe(registry.revision);
    expect(await proxy.reached(registry.revision + 1n, 1)).toBe(false);
  });
});
