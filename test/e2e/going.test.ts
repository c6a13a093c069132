// Being told to stop: what runs finishes, what never would is cut, and a successor can be there before.
import { describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import net from "node:net";
import { loginAdmin, makePlace } from "../harness/client.ts";
import { type Program, startProgram, startUpstream, type Urls } from "../harness/program.ts";
import { until, within } from "../harness/until.ts";

const startMsMax = 60_000;

/** An upstream whose answers begin and end when the test says so. */
async function heldUpstream() {
  const asked = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const server = createServer(async (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("begun\n");
    asked.resolve();
    await finish.promise;
    response.end("done\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    asked: asked.promise,
    finish: () => finish.resolve(),
    [Symbol.dispose]: () => {
      finish.resolve();
      server.closeAllConnections();
      server.close();
    },
  };
}

const readyz = ({ ops }: Urls) =>
  fetch(`${ops}/readyz`).then(
    ({ status }) => status,
    () => 0,
  );

const open = async (program: Program, port: number) =>
  (await makePlace(await loginAdmin(program.urls), program.urls, port)).host("terminal-1");

const connects = (url: string) =>
  new Promise<boolean>((resolve) => {
    const socket = net.connect(Number(new URL(url).port), "127.0.0.1");
    socket.on("connect", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(false));
  });

describe("SIGTERM", () => {
  test(
    "first says that it is not ready, then takes no new connections; what runs ends well, and then it does",
    async () => {
      using upstream = await heldUpstream();
      await using program = await startProgram();
      const host = await open(program, upstream.port);
      const response = await fetch(program.urls.proxy, { headers: { host } });
      await upstream.asked;
      program.signal("SIGTERM");
      await until(async () => (await readyz(program.urls)) === 503, "it says that it is not ready");
      expect(await (await fetch(`${program.urls.ops}/healthz`)).json()).toMatchObject({
        status: "draining",
      });
      await until(
        async () => !(await connects(program.urls.proxy)),
        "its port for requests is closed",
      );
      await until(
        async () => !(await connects(program.urls.rest)),
        "its port of the API is closed",
      );
      upstream.finish();
      expect(await response.text()).toBe("begun\ndone\n");
      expect(await within(program.exited, "it ends once nothing runs any more")).toBe(0);
    },
    startMsMax,
  );

  test(
    "what does not end within the bound is cut",
    async () => {
      using upstream = await heldUpstream();
      await using program = await startProgram({ environment: { REALMGATE_DRAIN_S: "2" } });
      const host = await open(program, upstream.port);
      const response = await fetch(program.urls.proxy, { headers: { host } });
      await upstream.asked;
      const order: string[] = [];
      const almost = Bun.sleep(1_900).then(() => order.push("the bound is almost reached"));
      program.signal("SIGTERM");
      await response.text().then(
        () => order.push("whole"),
        () => order.push("cut"),
      );
      // Without a bound of its own it would wait for 30 s.
      expect(await within(program.exited, "it ends after its bound")).toBe(0);
      await almost;
      expect(order).toEqual(["the bound is almost reached", "cut"]);
    },
    startMsMax,
  );

  test(
    "a second one ends it at once",
    async () => {
      using upstream = await heldUpstream();
      await using program = await startProgram();
      const host = await open(program, upstream.port);
      const response = await fetch(program.urls.proxy, { headers: { host } });
      await upstream.asked;
      program.signal("SIGTERM");
      await until(async () => (await readyz(program.urls)) === 503, "it says that it is not ready");
      program.signal("SIGINT");
      // What is held would keep it for 30 s.
      expect(await within(program.exited, "it ends at the second signal")).toBe(1);
      await response.text().catch(() => {});
    },
    startMsMax,
  );

  test(
    "with nobody there it is over at once",
    async () => {
      await using program = await startProgram();
      program.signal("SIGTERM");
      expect(await within(program.exited, "it ends without waiting for its bound of 30 s")).toBe(0);
    },
    startMsMax,
  );
});

describe("two processes on one port", () => {
  test(
    "only when both are told that they may",
    async () => {
      await using first = await startProgram();
      const address = new URL(first.urls.proxy).host;
      const environment = { REALMGATE_PROXY_LISTEN: address, REALMGATE_PROXY_REUSE_PORT: "1" };
      await expect(startProgram({ environment })).rejects.toThrow(/REALMGATE_PROXY_LISTEN: cannot/);
    },
    startMsMax,
  );

  test(
    "a successor takes over and no request of clients that keep their connections is lost",
    async () => {
      await using upstream = await startUpstream();
      const environment = { REALMGATE_PROXY_REUSE_PORT: "1" };
      await using first = await startProgram({ environment });
      const address = new URL(first.urls.proxy).host;
      await using second = await startProgram({
        environment: { ...environment, REALMGATE_PROXY_LISTEN: address },
      });
      // Both have a place; a host of one is 503 at the other, which is an answer all the same.
      const hosts = [await open(first, upstream.port), await open(second, upstream.port)] as const;
      let over = false;
      const answered = new Map<number, number>();
      const failed: string[] = [];
      const clients = Array.from({ length: 6 }, async (_, n) => {
        while (!over) {
          try {
            // Not repeated by the runtime.
            const response = await fetch(`http://${address}/`, {
              method: "POST",
              headers: { host: hosts[n % 2] ?? "" },
            });
            await response.text();
            answered.set(response.status, (answered.get(response.status) ?? 0) + 1);
          } catch (error) {
            failed.push(String(error));
          }
        }
      });
      await until(async () => (answered.get(200) ?? 0) > 200, "200 requests are answered");
      first.signal("SIGTERM");
      expect(await within(first.exited, "the first process ends")).toBe(0);
      const at = answered.get(200) ?? 0;
      await until(
        async () => (answered.get(200) ?? 0) > at + 200,
        "200 more requests are answered",
      );
      over = true;
      await Promise.all(clients);
      expect(failed).toEqual([]);
      expect([...answered.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([]);
    },
    startMsMax,
  );
});
