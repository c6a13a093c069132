import { expect, test } from "bun:test";
import { Relayed } from "./relayed.ts";
import { TurnBudget } from "./turn-budget.ts";

/** `takes`: bytes that the client takes of each write. */
function relayed(serverPort = 1, takes = Number.POSITIVE_INFINITY) {
  const calls: string[] = [];
  const client = {
    remotePort: 1,
    write: (_bytes: Uint8Array, _start: number, length: number) => Math.min(takes, length),
    pause: () => calls.push("pause"),
    resume: () => calls.push("resume"),
    shutdown: () => calls.push("shutdown"),
    end: () => calls.push("end"),
    terminate: () => calls.push("terminate"),
  };
  const connection = new Relayed({
    client,
    serverPort,
    limits: {
      firstByteMs: 60_000,
      silentMs: Number.POSITIVE_INFINITY,
      stalledMs: 1_000,
      bytesPerTurn: 1_024,
      lingerMs: 1,
      lingerBytes: 1,
    },
    budget: new TurnBudget({ perKey: 1_024, total: 1_024 }),
    address: "192.0.2.1",
    key: "192.0.2.1",
    guard: null,
    connected: () => {},
    disconnected: () => {},
    closed: () => {},
  });
  return { connection, calls };
}

test("a client whose socket is drained before it has sent a byte is still read", () => {
  const { connection, calls } = relayed();
  connection.clientDrained();
  expect(calls).toEqual([]);
});

test("a client is not read while what it sent waits for the server", () => {
  const { connection, calls } = relayed();
  connection.fromClient(Buffer.from("x"));
  expect(calls).toEqual(["pause"]);
  connection.close();
});

test("a client that takes nothing of its response for too long is closed, one that takes some is not", async () => {
  const answered = Promise.withResolvers<void>();
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        socket.write("a response");
        answered.resolve();
      },
    },
  });
  const { connection, calls } = relayed(server.port, 0);
  connection.fromClient(Buffer.from("x"));
  await answered.promise;
  while (!connection.isFlushing) await Bun.sleep(1);
  expect(connection.heldBytes).toBe("a response".length);
  const beganMs = performance.now();
  connection.tick(beganMs + 900);
  expect(calls).not.toContain("terminate");
  await Bun.sleep(20);
  connection.clientDrained();
  connection.tick(beganMs + 1_010);
  expect(calls).not.toContain("terminate");
  connection.tick(performance.now() + 1_100);
  expect(calls).toContain("terminate");
  server.stop(true);
});
