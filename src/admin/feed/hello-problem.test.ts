import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { FeedHelloSchema } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { helloProblem } from "./hello-problem.ts";

const peer = { node: "a", servers: ["local", "other"], keys: {}, domain: "d" };
const lineage = "0123456789abcdef";

function problem(fields: MessageInitShape<typeof FeedHelloSchema>): string | null {
  const usual = {
    process: "main",
    servers: ["local"],
    version: "1.0.0",
    boot: "b".repeat(16),
    feedLevel: 1,
  };
  return helloProblem(create(FeedHelloSchema, { ...usual, ...fields }), peer)?.details ?? null;
}

const well: readonly MessageInitShape<typeof FeedHelloSchema>[] = [
  {},
  { process: "worker-12", version: "1.0.0-rc.1+build", servers: ["local", "other"] },
  { listeners: ["[::1]:8000", "0.0.0.0:443"], programPorts: { http: 80, "custom-1": 65_535 } },
  { addresses: ["10.0.0.7", "fd00::7"], containerNetworks: ["10.0.0.0/8", "fd00::/8"] },
  { stalenessMs: 0n },
  { stalenessMs: 31_536_000_000n },
  { cursor: { revision: 0n, lineage: "" } },
  { cursor: { revision: BigInt(Number.MAX_SAFE_INTEGER), lineage } },
];

test("a hello of a node is well", () => {
  expect(well.map(problem)).toEqual(well.map(() => null));
});

// One statement stores what all nodes say: none of these may come to it.
test.each([
  ["a level of documents that drops what forbids", { feedLevel: 0 }],
  ["no name of a process", { process: "" }],
  ["a name with U+0000", { process: "a\0" }],
  ["a name that is longer than an index takes", { process: "a".repeat(60_000) }],
  ["a version with U+0000", { version: "1\0" }],
  ["a long version", { version: "1".repeat(65) }],
  ["no boot", { boot: "" }],
  ["a boot with half of a surrogate pair", { boot: "\ud800" }],
  ["a listener with U+0000", { listeners: ["\0:80"] }],
  ["a long listener", { listeners: ["a".repeat(301)] }],
  ["a program with U+0000", { programPorts: { "\0": 80 } }],
  ["a port that none is", { programPorts: { http: 65_536 } }],
  ["an address with U+0000", { addresses: ["\0"] }],
  ["a network that none is", { containerNetworks: ["10.0.0.0/33"] }],
  ["a lease below 0", { stalenessMs: -1n }],
  ["a lease that no number is", { stalenessMs: 2n ** 63n - 1n }],
  ["a revision that no number is", { cursor: { revision: 2n ** 63n - 1n, lineage } }],
  ["a revision below 0", { cursor: { revision: -1n, lineage } }],
  ["a lineage with U+0000", { cursor: { revision: 1n, lineage: `${lineage.slice(1)}\0` } }],
  ["a long lineage", { cursor: { revision: 1n, lineage: lineage.repeat(1_000) } }],
  ["too many listeners", { listeners: Array.from({ length: 1_001 }, () => "[::1]:1") }],
  ["no server", { servers: [] }],
  ["another's server", { servers: ["foreign"] }],
])("a hello with %s is refused", (_what, fields) => {
  expect(problem(fields)).not.toBeNull();
});
