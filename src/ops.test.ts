import { afterEach, expect, test } from "bun:test";
import net from "node:net";
import { until, within } from "../test/harness/until.ts";
import { type OpsServer, startOps } from "./ops.ts";

const sockets: net.Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** A listener whose callers may wait for ever for a revision; `asked` resolves once one does. */
function listening(text = async () => ""): { ops: OpsServer; asked: Promise<void> } {
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const ops = startOps({
    listen: { hostname: "127.0.0.1", port: 0 },
    reached: () => {
      resolve();
      return new Promise(() => {});
    },
    hasLost: () => false,
    openRevision: () => ({ revision: 1, lineage: "x" }),
    metrics: { format: () => ({ contentType: "text/plain", text }) },
    health: () => ({
      draining: true,
      problems: [],
      snapshot: { from: "live", revision: 1, heardAtMs: 0, closed: null },
    }),
  });
  return { ops, asked };
}

async function sent(ops: OpsServer, text: string): Promise<net.Socket> {
  const socket = net.connect(ops.port, "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => {});
  socket.resume();
  await new Promise<void>((resolve) => socket.write(text, () => resolve()));
  return socket;
}

test("a caller that waits for a revision does not hold up the stop of all else", async () => {
  const { ops, asked } = listening();
  await sent(ops, "GET /readyz?revision=a&wait_ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n");
  await asked;
  await within(ops.stop(), "the listener has stopped");
  await expect(fetch(`http://127.0.0.1:${ops.port}/healthz`)).rejects.toThrow();
});

test("nor does half a request, or a connection that is idle", async () => {
  const { ops } = listening();
  const [half, idle] = await Promise.all([sent(ops, "GET /heal"), sent(ops, "\r\n")]);
  const closed = [half, idle].map(
    (socket) => new Promise<void>((resolve) => socket.once("close", () => resolve())),
  );
  await within(ops.stop(), "the listener has stopped");
  await within(Promise.all(closed), "both are closed");
  expect([half, idle].map(({ destroyed }) => destroyed)).toEqual([true, true]);
});

test("a node that enforces no revisions says so, and not that the token is another installation's", async () => {
  const ops = startOps({
    listen: { hostname: "127.0.0.1", port: 0 },
    reached: async () => true,
    hasLost: () => false,
    openRevision: null,
    metrics: { format: () => ({ contentType: "text/plain", text: async () => "" }) },
    health: () => ({
      draining: false,
      problems: [],
      snapshot: { from: "live", revision: 0, heardAtMs: null, closed: null },
    }),
  });
  const ask = async (query: string) => {
    const answer = await fetch(`http://127.0.0.1:${ops.port}/readyz${query}`);
    return [answer.status, await answer.text()];
  };
  try {
    expect(await ask("")).toMatchObject([200, expect.any(String)]);
    expect(await ask("?revision=TOKEN")).toEqual([
      400,
      expect.stringContaining("this node enforces no revisions"),
    ]);
  } finally {
    await ops.stop();
  }
});

test("scrapes that come while an answer is being made share it", async () => {
  let made = 0;
  let answer = (_: string) => {};
  const text = () => {
    made++;
    return new Promise<string>((resolve) => {
      answer = resolve;
    });
  };
  const { ops } = listening(text);
  const scrape = async () => (await fetch(`http://127.0.0.1:${ops.port}/metrics`)).text();
  const scrapes = [scrape()];
  await until(() => made === 1, "the first is asked for");
  scrapes.push(scrape(), scrape());
  await Bun.sleep(50);
  answer("one");
  expect(await Promise.all(scrapes)).toEqual(["one", "one", "one"]);
  const next = scrape();
  await until(() => made === 2, "it is made anew");
  answer("two");
  expect(await next).toBe("two");
  await ops.stop();
});
