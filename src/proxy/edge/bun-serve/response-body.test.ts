import { afterEach, expect, test } from "bun:test";
import { once } from "node:events";
import net from "node:net";
import { HeldBytes } from "../../../guard/held-bytes.ts";
import type { ActiveExchange } from "../../exchange/active-exchange.ts";
import { StopSignal } from "../../exchange/stop-signal.ts";
import { HeldBodies } from "./held-bodies.ts";
import { streamedBody } from "./response-body.ts";

/** More than the kernel takes for a client that does not read. */
const BYTES = 32 * 1024 * 1024;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A server whose one response is held, and a client that has asked for it and does not read. */
async function asked() {
  const held = new HeldBodies({ bodyBytesMax: BYTES, bytesMax: BYTES });
  const signal = new StopSignal();
  const ended = Promise.withResolvers<string>();
  const active = {
    signal,
    exchange: { bytes: 0 },
    end: (how: string) => ended.resolve(how),
  } as unknown as ActiveExchange;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      request.signal.addEventListener("abort", () => signal.stop({ kind: "client_gone" }));
      const body = new Response(new Uint8Array(BYTES)).body;
      const cutOffUpstream = () => {};
      return new Response(
        body &&
          streamedBody(held, new HeldBytes({ bytesMax: BYTES, stalledMs: BYTES }))(body, {
            active,
            length: BYTES,
            source: null,
            cutOffUpstream,
          }),
      );
    },
  });
  const client = net.connect(server.port ?? 0, "127.0.0.1");
  client.on("error", () => {});
  client.pause();
  client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  closing.push(
    () => client.destroy(),
    () => server.stop(true),
  );
  return { held, client, ended: ended.promise };
}

async function isFree(held: HeldBodies): Promise<void> {
  while (held.bytes > 0) await Bun.sleep(1);
}

test("what is held for a client counts until the client has read it", async () => {
  const { held, client, ended } = await asked();
  expect(await ended).toBe("complete");
  await Bun.sleep(20);
  expect(held.bytes).toBe(BYTES);
  let received = 0;
  client.on("data", (data) => {
    received += data.length;
  });
  client.resume();
  await once(client, "close");
  expect(received).toBeGreaterThan(BYTES);
  await isFree(held);
});

test("and no longer when the client is gone", async () => {
  const { held, client, ended } = await asked();
  await ended;
  expect(held.bytes).toBe(BYTES);
  client.destroy();
  await isFree(held);
});
