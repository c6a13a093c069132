// A relay that ends TLS: clients that take their time, and a certificate that is exchanged.
import { afterEach, expect, test } from "bun:test";
import tls from "node:tls";
import { RelayListener } from "../../src/guard/relay-listener.ts";
import { selfSigned } from "../harness/certificate.ts";
import { within } from "../harness/until.ts";

const limits = {
  connectionsMax: 100,
  perNetworkMax: 50,
  firstByteMs: 60_000,
  silentMs: 60_000,
  bytesPerTurn: 4096,
  lingerMs: 2000,
  lingerBytes: 1 << 30,
};

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function start(pair: { readonly cert: string; readonly key: string }): RelayListener {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("heard") });
  const place = { hostname: "127.0.0.1", port: 0, serverPort: server.port ?? 0 };
  const relay = new RelayListener({ ...place, tls: pair, alpn: ["http/1.1"], limits });
  closing.push(
    () => relay.close(),
    () => void server.stop(true),
  );
  return relay;
}

function connect(port: number): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const at = { host: "127.0.0.1", port, rejectUnauthorized: false };
    const socket = tls.connect(at, () => resolve(socket));
    closing.push(() => socket.destroy());
    socket.once("error", reject);
  });
}

function answered(socket: tls.TLSSocket): Promise<boolean> {
  const first = new Promise<boolean>((resolve) => {
    socket.once("data", (data) => resolve(`${data}`.startsWith("HTTP/1.1 200")));
  });
  socket.write("GET / HTTP/1.1\r\nHost: api\r\n\r\n");
  return within(first, "an answer");
}

const serialOf = (socket: tls.TLSSocket) => socket.getPeerX509Certificate()?.serialNumber;

test.each([0, 100])("a client that asks %d ms after the handshake is answered", async (ms) => {
  const socket = await connect(start(selfSigned()).port);
  await Bun.sleep(ms);
  expect(await answered(socket)).toBe(true);
});

test("another certificate is for new connections; open ones go on, used or not", async () => {
  const relay = start(selfSigned());
  const [used, unused] = [await connect(relay.port), await connect(relay.port)];
  expect(await answered(used)).toBe(true);
  relay.replaceTls(selfSigned());
  expect(serialOf(await connect(relay.port))).not.toBe(serialOf(used));
  expect([await answered(used), await answered(unused)]).toEqual([true, true]);
});
