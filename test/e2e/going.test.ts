// Being told to stop: what runs finishes, what never would is cut, and a successor can be there before.
import { describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import net from "node:net";
import { loginAdmin, makePlace } from "../harness/client.ts";
import { type Program, startProgram, startUpstream, type Urls } from "../harness/program.ts";

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

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`);
    await Bun.sleep(10);
  }
}

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
      await until(async () => (await readyz(program.urls)) === 503, "not ready");
      expect(await (await fetch(`${program.urls.ops}/healthz`)).json()).toMatchObject({
        status: "draining",
      });
      await until(async () => !(await connects(program.urls.proxy)), "closed");
      await until(async () => !(await connects(program.urls.rest)), "API closed");
      upstream.finish();
      expect(await response.text()).toBe("begun\ndone\n");
      expect(await program.exited).toBe(0);
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
      const startedMs = performance.now();
      program.signal("SIGTERM");
      expect(
        await response.text().then(
          () => "whole",
          () => "cut",
        ),
      ).toBe("cut");
      expect(await program.exited).toBe(0);
      expect(performance.now() - startedMs).toBeWithin(1_900, 6_000);
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
      const startedMs = performance.now();
      program.signal("SIGTERM");
      await until(async () => (await readyz(program.urls)) === 503, "draining");
      program.signal("SIGINT");
      expect(await program.exited).toBe(1);
      expect(performance.now() - startedMs).toBeLessThan(5_000);
      await response.text().catch(() => {});
    },
    startMsMax,
  );

  test(
    "with nobody there it is over at once",
    async () => {
      await using program = await startProgram();
      const startedMs = performance.now();
      program.signal("SIGTERM");
      expect(await program.exited).toBe(0);
      expect(performance.now() - startedMs).toBeLessThan(5_000);
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
      await until(async () => (answered.get(200) ?? 0) > 200, "some requests");
      first.signal("SIGTERM");
      expect(await first.exited).toBe(0);
      const at = answered.get(200) ?? 0;
      await until(async () => (answered.get(200) ?? 0) > at + 200, "more requests");
      over = true;
      await Promise.all(clients);
      expect(failed).toEqual([]);
      expect([...answered.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([]);
    },
    startMsMax,
  );
});
