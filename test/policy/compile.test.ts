import { describe, expect, test } from "bun:test";
import type { JsonValue } from "@bufbuild/protobuf";
import { policyOf } from "../harness/policy.ts";

const named = <T>(count: number, make: (i: number) => T) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`g${i}`, make(i)]));

describe("a compiled policy stays small for a document of at most 256 KiB", () => {
  const range = (i: number) => ({ type: "ip", range: `10.${i >> 8}.${i & 255}.0/24` });
  test.each<[string, JsonValue]>([
    [
      "the same long lists",
      {
        groups: named(39, range),
        permissions: named(39, () => ({ http: Array.from({ length: 256 }, (_, i) => 2 * i + 1) })),
      },
    ],
    [
      "other long lists for each group",
      {
        groups: named(39, range),
        permissions: named(39, (g) => ({
          http: Array.from({ length: 256 }, (_, i) => 1 + ((i * 257 + g * 131) % 65535)),
        })),
      },
    ],
    [
      "nested ranges for many programs",
      {
        groups: named(200, range),
        permissions: named(200, (g) =>
          Object.fromEntries(
            Array.from({ length: 50 }, (_, p) => [`p${p}`, `${g + 1}-${65_535 - g}`]),
          ),
        ),
      },
    ],
    [
      "a thousand groups that share no instance",
      {
        groups: named(1000, range),
        permissions: named(1000, (g) => ({
          http: Array.from({ length: 10 }, (_, i) => 2 + 2 * ((g * 769 + i * 3251) % 32_000)),
        })),
      },
    ],
    [
      "ten thousand ranges that cross",
      {
        groups: named(1000, () => ({ type: "ip", range: "10.0.0.0/8" })),
        permissions: named(1000, (g) =>
          Object.fromEntries(
            Array.from({ length: 10 }, (_, p) => [
              `${p}`,
              `${1 + ((g * (769 + p)) % 30_000)}-${32_000 + ((g * (997 + p)) % 30_000)}`,
            ]),
          ),
        ),
      },
    ],
    [
      "five thousand pairs of instances",
      {
        groups: named(1000, () => ({ type: "ip", range: "10.0.0.0/8" })),
        permissions: named(1000, (g) =>
          Object.fromEntries(
            Array.from({ length: 5 }, (_, p) => [
              `${p}`,
              [1 + ((g * (769 + p)) % 30_000), 32_000 + ((g * (997 + p)) % 30_000)],
            ]),
          ),
        ),
      },
    ],
    [
      "ten thousand programs",
      {
        groups: named(1000, range),
        permissions: named(1000, (g) =>
          Object.fromEntries(Array.from({ length: 10 }, (_, p) => [`${g}-${p}`, 1 + g * 10 + p])),
        ),
      },
    ],
    [
      "nested networks",
      { groups: named(1000, (i) => ({ type: "ip", range: `10.0.0.0/${i % 33}` })) },
    ],
  ])("%s", (_, json) => {
    expect(JSON.stringify(json).length).toBeLessThan(256 * 1024);
    const policy = policyOf(json);
    const { trie, own, firsts, parents } = policy.networks.ipv4;
    const networks = [trie.nodes, own, firsts, parents].map(({ byteLength }) => byteLength);
    const bytes = networks.reduce((sum, each) => sum + each, policy.grants.words.byteLength);
    expect(bytes).toBeLessThan(200 * 1024);
  });
});

test("https is compiled from http for the groups without an https key", () => {
  const { grants } = policyOf({
    groups: named(1, () => ({ type: "ip", range: "1.0.0.0/8" })),
    permissions: { g0: { http: 80 } },
  });
  expect([...grants.records.keys()]).toEqual(["http", "https"]);
  expect(grants.records.get("https")).toBe(grants.records.get("http"));
});
