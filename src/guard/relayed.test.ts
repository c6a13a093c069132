import { expect, test } from "bun:test";
import { Relayed } from "./relayed.ts";
import { TurnBudget } from "./turn-budget.ts";

function relayed() {
  const calls: string[] = [];
  const client = {
    remotePort: 1,
    write: (_bytes: Uint8Array, _start: number, length: number) => length,
    pause: () => calls.push("pause"),
    resume: () => calls.push("resume"),
    shutdown: () => calls.push("shutdown"),
    end: () => calls.push("end"),
    terminate: () => calls.push("terminate"),
  };
  const connection = new Relayed({
    client,
    serverPort: 1,
    limits: { firstByteMs: 1, silentMs: 1, bytesPerTurn: 1, lingerMs: 1, lingerBytes: 1 },
    budget: new TurnBudget({ perKey: 1, total: 1 }),
    address: "192.0.2.1",
    key: "192.0.2.1",
    guard: null,
    connected: () => {},
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
