import { expect, test } from "bun:test";
import { Snapshot } from "../snapshot/snapshot.ts";
import { ActiveExchanges } from "./active-exchanges.ts";

const log = { error() {}, warn() {}, info() {} };
const snapshot = Snapshot.empty({
  serverName: "local",
  programPorts: {},
  mayDial: () => true,
  log,
});

test("of a change of very many containers none is looked up: all that is active is authorized again, in slices", () => {
  const active = new ActiveExchanges(() => snapshot, log);
  let read = 0;
  const many = new Proxy(Array.from({ length: 100_000 }, String), {
    get(target, key) {
      if (typeof key === "string" && key !== "length") read++;
      return Reflect.get(target, key);
    },
  });
  active.changed([], many);
  active.changed(many, []);
  expect(read).toBe(0);
});
