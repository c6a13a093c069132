import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { certificate } from "../../test/harness/certificate.ts";
import { nodeNameIn } from "./node-name.ts";

const named = (...uris: string[]) =>
  nodeNameIn(new X509Certificate(certificate({ uris, names: ["a.test"] }).cert));

test("a certificate names the node of its one URI, whatever hosts it has besides", () => {
  expect(named("realmgate:node/east-1")).toBe("east-1");
  expect(named("spiffe://a.test/x", "realmgate:node/e")).toBe("e");
});

test.each([
  ["none", []],
  ["another URI", ["spiffe://a.test/node/east-1"]],
  ["two nodes", ["realmgate:node/east-1", "realmgate:node/west-1"]],
  ["one node twice", ["realmgate:node/east-1", "realmgate:node/east-1"]],
  ["a name that no node has", ["realmgate:node/East_1"]],
  ["a longer path", ["realmgate:node/east-1/x"]],
  ["more before it", ["xrealmgate:node/east-1"]],
  ["another node within a value", ["x, URI:realmgate:node/east-1"]],
  ["another node behind a line", ["x\nURI:realmgate:node/east-1"]],
  ["another node behind a quote", ['x", URI:realmgate:node/east-1, "']],
  ["a NUL", ["realmgate:node/east-1\0"]],
])("a certificate with %s names none", (_what, uris) => {
  expect(named(...uris)).toBeNull();
});

test("a host that reads like a node's URI names none", () => {
  const { cert } = certificate({ names: ["x, URI:realmgate:node/east-1"] });
  expect(nodeNameIn(new X509Certificate(cert))).toBeNull();
});
