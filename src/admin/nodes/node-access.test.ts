import { expect, spyOn, test } from "bun:test";
import type { StoredNode } from "../store/node-records.ts";
import { NodeAccess } from "./node-access.ts";
import { newNodeToken, nodeTokenHash } from "./node-token.ts";

function installation() {
  const nodes = new Map<string, StoredNode>();
  const access = new NodeAccess({
    store: {
      nodes: async () => [...nodes.values()],
      nodeByToken: async (hash) => nodes.get(hash.toString("hex")) ?? null,
    },
    keysFor: () => ({}),
    domain: "localhost",
  });
  const add = (id: string, role: StoredNode["role"]) => {
    const token = newNodeToken();
    const key = nodeTokenHash(token)?.toString("hex") ?? "";
    const createdAt = new Date(0).toISOString();
    nodes.set(key, { id, name: id, role, servers: ["local"], createdAt });
    return { token, remove: () => nodes.delete(key) };
  };
  const isValid = async (token: string) =>
    (await access.authenticate({ token, peer: "127.0.0.1:1" }))?.isValid?.();
  return { access, add, isValid };
}

test("a node that was made after the nodes were looked at is one", async () => {
  const { access, add, isValid } = installation();
  expect(await isValid(add("first", "proxy").token)).toBe(true);
  expect(await isValid(add("second", "proxy").token)).toBe(true);
  expect(await access.isGateway(add("third", "gateway").token)).toBe(true);
});

test("a node is what its role says, and nothing once it was revoked", async () => {
  const { access, add, isValid } = installation();
  const proxy = add("proxy", "proxy");
  const gateway = add("gateway", "gateway");
  expect(await isValid(gateway.token)).toBeUndefined();
  expect(await access.isGateway(proxy.token)).toBe(false);
  expect(await access.isGateway(gateway.token)).toBe(true);
  gateway.remove();
  proxy.remove();
  access.forget();
  expect(await access.isGateway(gateway.token)).toBe(false);
  expect(await isValid(proxy.token)).toBeUndefined();
});

test("a node that was revoked elsewhere is none within a second, also when the calendar is set back", async () => {
  const { access, add } = installation();
  const proxy = add("proxy", "proxy");
  const peer = await access.authenticate({ token: proxy.token, peer: "127.0.0.1:1" });
  expect(await peer?.isValid?.()).toBe(true);
  proxy.remove();
  const [calendar, clock] = [Date.now() - 3_600_000, performance.now() + 1_000];
  const set = [
    spyOn(Date, "now").mockReturnValue(calendar),
    spyOn(performance, "now").mockReturnValue(clock),
  ];
  try {
    expect(await peer?.isValid?.()).toBe(false);
  } finally {
    for (const each of set) each.mockRestore();
  }
});
