import { expect, test } from "bun:test";
import { Registry } from "@prometheus-io/client";
import { until } from "../../test/harness/until.ts";
import { Instruments } from "../proxy/observe/instruments.ts";
import { StoreWatch } from "./store-watch.ts";

const [ours, others] = ["a".repeat(16), "b".repeat(16)];

test("a revision that is to come is not lost, and one that another write has is not reached", async () => {
  let revision = 5;
  const lineages = [{ fromRevision: 0, tag: ours }];
  const head = async () => ({ revision, lineage: ours, lineages });
  const watch = new StoreWatch();
  expect(watch.hasLost(5n, ours)).toBe(false);
  await watch.start({ head, nodeProcesses: async () => [], clock: async () => 0 }, 0);
  try {
    expect([watch.hasLost(5n, ours), await watch.reached(5n, 0, ours)]).toEqual([false, true]);
    expect([watch.hasLost(5n, others), await watch.reached(5n, 0, others)]).toEqual([true, false]);
    // The first write after the database came back, under a lineage that was not looked at yet.
    expect([watch.hasLost(6n, others), await watch.reached(6n, 0, others)]).toEqual([false, false]);
    lineages.push({ fromRevision: 5, tag: others });
    revision = 6;
    expect(await watch.reached(6n, 10_000, others)).toBe(true);
  } finally {
    watch.stop();
  }
});

test("the clock of the database is compared with each look but the first, and operators see it", async () => {
  const head = async () => ({ revision: 0, lineage: "", lineages: [] });
  let asked = 0;
  const clock = async () => {
    asked++;
    return Date.now() + 3_600_000;
  };
  const watch = new StoreWatch();
  const registry = new Registry();
  watch.instruments(new Instruments(registry));
  const shown = async () =>
    Number(/^realmgate_clock_offset_seconds (\S+)$/m.exec(await registry.metrics())?.[1]);
  await watch.start({ head, nodeProcesses: async () => [], clock }, -7_000);
  try {
    // Who started it has just asked.
    expect([asked, watch.clockOffsetMs, await shown()]).toEqual([0, -7_000, -7]);
    await until(() => watch.clockOffsetMs > 0, "the next look");
    expect(Math.round(watch.clockOffsetMs / 60_000)).toBe(60);
    expect(Math.round((await shown()) / 60)).toBe(60);
  } finally {
    watch.stop();
  }
});

test("what dials a container is a proxy of its server that is heard", async () => {
  const head = async () => ({ revision: 0, lineage: "", lineages: [] });
  const heard = (process: string, server: string, agoMs: number, port: number) => ({
    ...{ nodeId: "n", boot: process, version: "1", process, servers: [server] },
    ...{ enforcedRevision: 0, enforcedLineage: "", listeners: [`127.0.0.1:${port}`] },
    ...{ heardAt: new Date(Date.now() - agoMs).toISOString(), programPorts: { terminal: port } },
    ...{ leaseMs: null, addresses: ["10.0.0.7"], containerNetworks: [] as string[] },
  });
  const nodeProcesses = async () => [
    heard("gone", "east", 60_000, 7001),
    heard("here", "east", 0, 7002),
    heard("there", "west", 60_000, 7003),
  ];
  const watch = new StoreWatch();
  await watch.start({ head, nodeProcesses, clock: async () => Date.now() }, 0);
  watch.stop();
  const forbidden = (server: string) =>
    [7001, 7002, 7003].filter((port) => watch.nodeOf(server)?.isForbidden("127.0.0.1", port));
  expect(watch.nodeOf("east")?.programPorts).toEqual({ terminal: 7002 });
  expect(forbidden("east")).toEqual([7002]);
  // None is heard: as it was.
  expect(watch.nodeOf("west")?.programPorts).toEqual({ terminal: 7003 });
  expect(forbidden("west")).toEqual([7003]);
  expect(watch.nodeOf("north")).toBeNull();
});

test("a port of a node's listeners is its own at every address of its machine, whatever it is bound to", async () => {
  const head = async () => ({ revision: 0, lineage: "", lineages: [] });
  const heard = {
    ...{ nodeId: "n", boot: "b", version: "1", process: "p", servers: ["east"] },
    ...{ enforcedRevision: 0, enforcedLineage: "", programPorts: {}, leaseMs: null },
    listeners: ["0.0.0.0:8000", ":::8443", "10.0.0.7:9000"],
    heardAt: new Date().toISOString(),
    ...{ addresses: ["10.0.0.7", "fd00::7"], containerNetworks: ["10.1.0.0/16", "127.0.0.0/8"] },
  };
  const watch = new StoreWatch();
  await watch.start({ head, nodeProcesses: async () => [heard], clock: async () => Date.now() }, 0);
  watch.stop();
  const east = watch.nodeOf("east");
  const forbidden = ["127.0.0.1", "::1", "10.0.0.7", "fd00::7", "10.0.0.8"].flatMap((address) =>
    [8000, 8443, 9000, 443, 0].filter((port) => east?.isForbidden(address, port)),
  );
  expect(forbidden).toEqual([...Array(4)].flatMap(() => [8000, 8443, 9000]));
  expect(watch.isListener("10.0.0.7", 8000)).toBe(true);
  expect(["10.1.2.3", "10.2.0.1", "127.0.0.1"].map((each) => east?.mayDial?.(each))).toEqual([
    ...[true, false, true],
  ]);
});
