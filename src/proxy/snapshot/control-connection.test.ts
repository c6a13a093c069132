import { afterAll, expect, test } from "bun:test";
import { Client } from "@grpc/grpc-js";
import { certificate } from "../../../test/harness/certificate.ts";
import { controlConnection } from "./control-connection.ts";

const listeners: { stop(isNow: boolean): void }[] = [];
afterAll(() => {
  for (const each of listeners) each.stop(true);
});

/** Whether a client gets as far as a connection to a control plane whose certificate is for this host and address. */
async function connects(host: string, name: string, address: string): Promise<boolean> {
  const shown = certificate({ names: [name], addresses: [address] });
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: { ...shown, ALPNProtocols: Buffer.from([2, ...Buffer.from("h2")]) },
    socket: { data: (socket) => void socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])) },
  });
  listeners.push(listener);
  const tls = { ca: Buffer.from(shown.cert), pair: null };
  const { target, credentials, options } = controlConnection(
    `https://${host}:${listener.port}`,
    tls,
  );
  const client = new Client(target, credentials, options);
  const isReady = await new Promise<boolean>((resolve) => {
    client.waitForReady(Date.now() + 1_500, (error) => resolve(error === undefined));
  });
  client.close();
  return isReady;
}

test.each([
  ["localhost", "localhost", "192.0.2.1", true],
  ["localhost", "elsewhere.test", "127.0.0.1", false],
  ["127.0.0.1", "elsewhere.test", "127.0.0.1", true],
  ["127.0.0.1", "address.invalid", "192.0.2.1", false],
])("a control plane at %s that shows a certificate for %s and %s is one: %p", async (...given) => {
  const [host, name, address, isOne] = given;
  expect(await connects(host, name, address)).toBe(isOne);
});

test.each([
  ["http://127.0.0.1:50052", "127.0.0.1:50052"],
  ["http://localhost", "localhost:80"],
  ["https://control.test", "control.test:443"],
  ["https://[::1]:50052", "[::1]:50052"],
  ["unix:/run/feed", "unix:/run/feed"],
])("%s is %s", (url, target) => {
  expect(controlConnection(url, { ca: null, pair: null }).target).toBe(target);
});
