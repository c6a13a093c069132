import { afterAll, expect, test } from "bun:test";
import { LOCAL, testBench } from "../harness/proxy-bench.ts";
import { within } from "../harness/until.ts";

const { place, proxy } = await testBench();

/** Greets with its name. */
function greeter(name: string): Bun.Server<undefined> {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, server) =>
      server.upgrade(request) ? undefined : new Response("no", { status: 418 }),
    websocket: { open: (socket) => void socket.send(name), message() {} },
  });
  afterAll(() => server.stop(true));
  return server;
}

const program = greeter("program");
const script = greeter("script");
const own = { groups: { here: LOCAL }, permissions: { here: { terminal: true } }, default: "deny" };
const hook = { id: "h", match: { method: "GET" }, script: { path: "/s" }, timeout: 500 };

test.each([
  ["no hook: the program's", {}, { exec: script.port ?? 0 }, "program"],
  ["a hook: the script's", { terminal: [hook] }, { exec: script.port ?? 0 }, "script"],
  [
    "an open hook whose script cannot be asked: the program's",
    { terminal: [{ ...hook, on_error: "open" }] },
    { exec: 1 },
    "program",
  ],
])(
  "a WebSocket of a program with %s, and closed when access ends",
  async (_what, hooks, exec, greeting) => {
    const programs = { terminal: program.port ?? 0, ...exec };
    const placed = await place({ own, programs, hooks });
    const headers = { host: placed.host("terminal-1") };
    const client = new WebSocket(
      `ws://127.0.0.1:${proxy.port}/`,
      // The browsers' types, which this project has besides, know of no headers.
      { headers } as unknown as string[],
    );
    const greeted = Promise.withResolvers<unknown>();
    const closed = Promise.withResolvers<number>();
    client.onmessage = ({ data }) => greeted.resolve(data);
    client.onclose = ({ code }) => {
      closed.resolve(code);
      greeted.resolve(null);
    };
    expect(await within(greeted.promise, "the greeting arrives")).toBe(greeting);
    expect(await proxy.metrics.text()).toContain("realmgate_exchanges_open 1\n");
    await placed.change({ own: { ...own, permissions: {} }, programs, hooks });
    expect(await within(closed.promise, "the WebSocket is closed")).toBe(1008);
  },
);

test("a hook that is closed lets no WebSocket through when its script cannot be asked", async () => {
  const programs = { terminal: program.port ?? 0, exec: 1 };
  const placed = await place({ own, programs, hooks: { terminal: [hook] } });
  const response = await fetch(`http://127.0.0.1:${proxy.port}/`, {
    headers: {
      host: placed.host("terminal-1"),
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  });
  expect([response.status, (await response.json()).code]).toEqual([502, "hook_failed"]);
});
