import { expect, spyOn, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { certificate } from "../../../test/harness/certificate.ts";
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
  const peerOf = async (token: string) => {
    const found = await access.authenticate({ token, certificate: null });
    return "peer" in found ? found.peer : null;
  };
  /** Undefined: it is not let in. */
  const isValid = async (token: string) => {
    const peer = await peerOf(token);
    return peer === null ? undefined : (await peer.ended?.()) === null;
  };
  const isGateway = async (token: string) => (await access.gatewayProblem(token, null)) === null;
  return { access, add, peerOf, isValid, isGateway };
}

test("a node that was made after the nodes were looked at is one", async () => {
  const { add, isValid, isGateway } = installation();
  expect(await isValid(add("first", "proxy").token)).toBe(true);
  expect(await isValid(add("second", "proxy").token)).toBe(true);
  expect(await isGateway(add("third", "gateway").token)).toBe(true);
});

test("a node is what its role says, and nothing once it was revoked", async () => {
  const { access, add, isValid, isGateway } = installation();
  const proxy = add("proxy", "proxy");
  const gateway = add("gateway", "gateway");
  expect(await isValid(gateway.token)).toBeUndefined();
  expect(await isGateway(proxy.token)).toBe(false);
  expect(await isGateway(gateway.token)).toBe(true);
  gateway.remove();
  proxy.remove();
  access.forget();
  expect(await isGateway(gateway.token)).toBe(false);
  expect(await isValid(proxy.token)).toBeUndefined();
});

test("a node that was revoked elsewhere is none within a second, also when the calendar is set back", async () => {
  const { add, peerOf } = installation();
  const proxy = add("proxy", "proxy");
  const peer = await peerOf(proxy.token);
  expect(await peer?.ended?.()).toBeNull();
  proxy.remove();
  const [calendar, clock] = [Date.now() - 3_600_000, performance.now() + 1_000];
  const set = [
    spyOn(Date, "now").mockReturnValue(calendar),
    spyOn(performance, "now").mockReturnValue(clock),
  ];
  try {
    expect(await peer?.ended?.()).toBe("the node was revoked");
  } finally {
    for (const each of set) each.mockRestore();
  }
});

const shown = (name: string, problem: string | null = null) => ({
  certificate: new X509Certificate(certificate({ uris: [`realmgate:node/${name}`] }).cert),
  problem,
});

test("a gateway is one by its certificate where it says so, until it is revoked", async () => {
  const { access, add } = installation();
  const { remove } = add("edge", "gateway");
  add("east-1", "proxy");
  const own = shown("edge");
  expect(await access.gatewayProblem("certificate", own)).toBeNull();
  expect(await access.gatewayProblem("certificate", shown("east-1"))).toContain("is a proxy");
  expect(await access.gatewayProblem("certificate", null)).toContain("no certificate");
  const unverified = shown("edge", "SELF_SIGNED_CERT_IN_CHAIN");
  expect(await access.gatewayProblem("certificate", unverified)).toContain("not of an authority");
  // A token that is none does not become one by a certificate beside it.
  expect(await access.gatewayProblem(newNodeToken(), own)).toContain("that of no gateway");
  remove();
  access.forget();
  expect(await access.gatewayProblem("certificate", own)).toContain("no node is called edge");
});

test("a certificate stands for its node until it ends, on a connection that goes on, too", async () => {
  const { access, add } = installation();
  add("east-1", "proxy");
  const found = await access.authenticate({ token: null, certificate: shown("east-1") });
  const peer = "peer" in found ? found.peer : null;
  expect(await peer?.ended?.()).toBeNull();
  const later = spyOn(Date, "now").mockReturnValue(Date.now() + 2 * 86_400_000);
  try {
    expect(await peer?.ended?.()).toContain("the certificate of node east-1 ended at");
  } finally {
    later.mockRestore();
  }
});
