import { expect, test } from "bun:test";
import type { FeedServer } from "../feed/feed-server.ts";
import type { FollowStream } from "../feed/follow-stream.ts";
import type { NodeProcess } from "../store/node-records.ts";
import { ProcessRegistry } from "./process-registry.ts";

const log = { error() {}, warn() {}, info() {} };

test("processes are heard by the clock of the database, whatever the control plane's says", async () => {
  const { promise, resolve } = Promise.withResolvers<readonly NodeProcess[]>();
  const store = { noteProcesses: async (noted: readonly NodeProcess[]) => resolve(noted) };
  const registry = new ProcessRegistry(
    { ...store, forgetProcess: async () => {} },
    log,
    () => 60_000,
  );
  const hello = {
    ...{ process: "main", boot: "b", version: "1", servers: ["local"], listeners: [] },
    ...{ addresses: ["10.0.0.7"], containerNetworks: [], stalenessMs: 60_000n },
  };
  const stream = {
    ...{ peer: { node: "a" }, hello: { ...hello, programPorts: {} } },
    ...{ enforced: null, heardAtMs: 1_000 },
  } as unknown as FollowStream;
  registry.start({ streams: new Set([stream]) } as unknown as FeedServer);
  registry.changed(stream);
  expect(await promise).toMatchObject([
    { heardAt: new Date(61_000).toISOString(), addresses: ["10.0.0.7"], leaseMs: 60_000 },
  ]);
  await registry.stop();
});
