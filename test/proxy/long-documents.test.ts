// A long document that is not compiled yet is compiled in slices: the request that needs it waits, others do not.
import { expect, test } from "bun:test";
import type { JsonObject } from "@bufbuild/protobuf";
import { eventLoopSlices } from "../../src/guard/slices.ts";
import { authorize } from "../../src/proxy/gate/authorize.ts";
import { RequestCredentials } from "../../src/proxy/gate/credentials.ts";
import { PolicyCache } from "../../src/proxy/snapshot/policy-cache.ts";
import { Snapshot } from "../../src/proxy/snapshot/snapshot.ts";
import { feedChanges } from "../harness/feed-changes.ts";

const [LONG, SHORT] = ["a".repeat(24), "b".repeat(24)];
const PROJECT = "c".repeat(24);
const signatures = { take: () => true, wait: () => Promise.resolve() };

const office = { groups: { office: { type: "ip", range: "10.1.0.0/16" } } };
const permissions = { office: { terminal: true } };
const short: JsonObject = { ...office, permissions, default: "deny" };
const long: JsonObject = {
  groups: {
    ...office.groups,
    ...Object.fromEntries(
      Array.from({ length: 200 }, (_, n) => [
        `group-${n}`,
        { type: "ip", range: `192.168.${n}.0/24` },
      ]),
    ),
  },
  permissions,
  default: "deny",
};

function started(bytesMax?: number) {
  const policies = new PolicyCache(bytesMax === undefined ? {} : { bytesMax });
  const log = { error() {}, warn() {}, info() {} };
  const options = { serverName: "local", programPorts: {}, mayDial: () => true, policies, log };
  const container = (id: string, document: JsonObject) => ({
    ...{ id, document, projectId: PROJECT, serverName: "local", running: true },
    ...{ address: "10.0.0.1", programs: { terminal: { port: 7681, stride: 0 } } },
  });
  const all = feedChanges(
    1n,
    [{ id: PROJECT }],
    [container(LONG, long), container(SHORT, short)].map((each) => each as never),
  );
  // As at a start: nothing is compiled.
  const snapshot = Snapshot.empty(options).replacedBy(all);
  const ask = (id: string, client: string, by: typeof signatures | null = signatures) =>
    authorize(
      snapshot,
      {
        host: { kind: "direct", project: PROJECT, container: id, program: "terminal", instance: 1 },
        presented: new RequestCredentials(new Headers(), "/"),
        client,
        isPreflight: false,
      },
      Date.now(),
      by,
    );
  return { policies, ask };
}

test("the first requests for a long document wait for one compilation and are decided by it, one for a short document is not held up", async () => {
  const { ask } = started();
  const before = eventLoopSlices.count;
  const waiting = [ask(LONG, "10.1.2.3"), ask(LONG, "10.2.2.3"), ask(LONG, "10.1.2.4")];
  expect(waiting.every((each) => each instanceof Promise)).toBe(true);
  // Nothing was compiled in this turn.
  expect(eventLoopSlices.count).toBe(before);
  expect(ask(SHORT, "10.1.2.3")).toMatchObject({ allow: true });
  const results = await Promise.all(waiting);
  expect(results.map(({ allow }) => allow)).toEqual([true, false, true]);
  expect(ask(LONG, "10.1.2.3")).toMatchObject({ allow: true });
  expect(ask(LONG, "10.2.2.3")).toMatchObject({ allow: false });
});

test("where there is room for one policy only, every request is decided all the same", async () => {
  const { ask, policies } = started(1);
  for (let n = 0; n < 3; n++) {
    expect(await ask(LONG, "10.1.2.3")).toMatchObject({ allow: true });
    expect(await ask(SHORT, "10.2.2.3")).toMatchObject({ allow: false });
  }
  expect(policies.bytes).toBeLessThan(5_000);
});

test("who does not wait is answered at once", () => {
  expect(started().ask(LONG, "10.2.2.3", null)).toMatchObject({ allow: false });
});
