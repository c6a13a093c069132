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
      "nested networks",
      { groups: named(1000, (i) => ({ type: "ip", range: `10.0.0.0/${i % 33}` })) },
    ],
  ])("%s", (_, json) => {
    expect(JSON.stringify(json).length).toBeLessThan(256 * 1024);
    const policy = policyOf(json);
    const segments = [...policy.programs.values()].reduce((sum, sets) => sum + sets.byteLength, 0);
    const networks =
      policy.networks.nodes.byteLength +
      policy.networks.sets.length * policy.everybody.length * Uint32Array.BYTES_PER_ELEMENT;
    expect(segments + networks + policy.grants.byteLength).toBeLessThan(4 * 1024 * 1024);
  });
});

test("https is compiled from http for the groups without an https key", () => {
  const { programs } = policyOf({
    groups: named(1, () => ({ type: "ip", range: "1.0.0.0/8" })),
    permissions: { g0: { http: 80 } },
  });
  expect([...programs.keys()]).toEqual(["http", "https"]);
});
