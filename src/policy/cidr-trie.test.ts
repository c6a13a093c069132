import { describe, expect, test } from "bun:test";
import ipaddr from "ipaddr.js";
import { members } from "./bitset.ts";
import { buildTrie, longestMatch } from "./cidr-trie.ts";
import { parseAddressKey, parseRange } from "./ip-range.ts";

/** A trie whose group i is the i-th range. */
function trieOf(ranges: readonly string[]) {
  const groups = ranges.map((range, group) => {
    const parsed = parseRange(range);
    if (parsed === null) {
      throw new TypeError(`bad range in a test: ${range}`);
    }
    return { range: parsed, group };
  });
  return buildTrie(ranges.length, groups);
}

function matching(ranges: readonly string[], address: string): number[] {
  return members(longestMatch(trieOf(ranges), parseAddressKey(address) ?? Number.NaN));
}

describe("longestMatch", () => {
  test.each([
    [[], "1.2.3.4", []],
    [["0.0.0.0/0"], "0.0.0.0", [0]],
    [["0.0.0.0/0"], "255.255.255.255", [0]],
    [["0.0.0.0/1"], "127.255.255.255", [0]],
    [["0.0.0.0/1"], "128.0.0.0", []],
    [["128.0.0.0/1"], "127.255.255.255", []],
    [["128.0.0.0/1"], "128.0.0.0", [0]],
    [["10.0.0.2/31"], "10.0.0.1", []],
    [["10.0.0.2/31"], "10.0.0.2", [0]],
    [["10.0.0.2/31"], "10.0.0.3", [0]],
    [["10.0.0.2/31"], "10.0.0.4", []],
    [["255.255.255.255/32"], "255.255.255.255", [0]],
    [["255.255.255.255/32"], "255.255.255.254", []],
    [["0.0.0.0/32"], "0.0.0.0", [0]],
    [["0.0.0.0/32"], "0.0.0.1", []],
    [["0.0.0.0/0"], "::1", []],
    [["0.0.0.0/0"], "::ffff:1.2.3.4", [0]],
    [["::/0"], "1.2.3.4", []],
    [["::/0"], "::ffff:1.2.3.4", []],
    [["::/0"], "::", [0]],
    [["::/0", "0.0.0.0/0"], "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", [0]],
    [["8000::/1"], "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", []],
    [["8000::/1"], "8000::", [0]],
    [["2001:db8::/32"], "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", [0]],
    [["2001:db8::/32"], "2001:db9::", []],
    [["2001:db8::/33"], "2001:db8:7fff::1", [0]],
    [["2001:db8::/33"], "2001:db8:8000::", []],
    [["2001:db8::/64"], "2001:db8::ffff:ffff:ffff:ffff", [0]],
    [["2001:db8::/64"], "2001:db8:0:1::", []],
    [["2001:db8::/65"], "2001:db8::8000:0:0:0", []],
    [["2001:db8::/96"], "2001:db8::ffff:ffff", [0]],
    [["2001:db8::/97"], "2001:db8::8000:0", []],
    [["2001:db8::2/127"], "2001:db8::3", [0]],
    [["2001:db8::2/127"], "2001:db8::4", []],
    [["::1/128"], "::1", [0]],
    [["::1/128"], "::2", []],
  ])("of %p for %s is %p", (ranges, address, groups) => {
    expect(matching(ranges, address)).toEqual(groups);
  });

  const nested = ["10.0.0.0/8", "0.0.0.0/0", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32"];
  test.each([
    ["10.1.2.3", [0, 1, 2, 3, 4]],
    ["10.1.2.4", [0, 1, 2, 3]],
    ["10.1.3.3", [0, 1, 2]],
    ["10.2.0.0", [0, 1]],
    ["11.0.0.0", [1]],
  ])("unions every covering range of %s", (address, groups) => {
    expect(matching(nested, address)).toEqual(groups);
  });

  test("answers for every group of equal ranges", () => {
    expect(matching(["10.0.0.0/8", "10.0.0.0/8", "10.9.9.9/8"], "10.0.0.1")).toEqual([0, 1, 2]);
  });

  test("a branching node that is no range of its own matches only what covers it", () => {
    const ranges = ["10.0.0.0/32", "10.0.0.1/32", "10.0.0.0/24"];
    expect(matching(ranges, "10.0.0.0")).toEqual([0, 2]);
    expect(matching(ranges, "10.0.0.1")).toEqual([1, 2]);
    expect(matching(ranges, "10.0.0.2")).toEqual([2]);
    expect(matching(ranges, "10.0.1.0")).toEqual([]);
  });
});

test("the number of nodes is at most twice the number of ranges, and the root", () => {
  const ranges = Array.from({ length: 1000 }, (_, i) => `10.${i % 256}.${(i * 7) % 256}.0/24`);
  expect(trieOf(ranges).ipv4.trie.nodes.length).toBeLessThanOrEqual((2 * 1000 + 1) * 5);
});

test("agrees with ipaddr.js on a million pairs of a random address and a random range", () => {
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  // Few different octets, so that ranges nest and addresses fall into several of them.
  const text = () => `${[10, 127, 128, 255][random(4)]}.${random(2)}.${random(3)}.${random(256)}`;
  const ranges = Array.from({ length: 1000 }, () => `${text()}/${random(33)}`);
  const networks = ranges.map((range) => ipaddr.IPv4.parseCIDR(range));
  const trie = trieOf(ranges);
  for (let i = 0; i < 1000; i++) {
    const address = text();
    const parsed = ipaddr.IPv4.parse(address);
    const expected = networks.flatMap(([network, length], group) =>
      parsed.match(network, length) ? [group] : [],
    );
    expect(members(longestMatch(trie, parseAddressKey(address) ?? 0))).toEqual(expected);
  }
});

test("agrees with ipaddr.js on 300,000 pairs of a random IPv6 address and a random range", () => {
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  // Few different groups of 16 bits, so that ranges nest and addresses fall into several of them.
  const text = () =>
    Array.from(
      { length: 8 },
      () => ["0", "1", "8000", "ffff", "2001"][random(4) === 0 ? random(5) : 0],
    ).join(":");
  const ranges = Array.from({ length: 600 }, () => `${text()}/${random(129)}`).filter(
    (range) => parseRange(range) !== null,
  );
  const networks = ranges.map((range) => ipaddr.IPv6.parseCIDR(range));
  const trie = trieOf([...ranges, "0.0.0.0/0"]);
  let matches = 0;
  for (let i = 0; i < 500; i++) {
    const address = text();
    const key = parseAddressKey(address) ?? 0;
    if (typeof key === "number") continue;
    const parsed = ipaddr.IPv6.parse(address);
    const expected = networks.flatMap(([network, length], group) =>
      parsed.match(network, length) ? [group] : [],
    );
    matches += expected.length;
    expect(members(longestMatch(trie, key))).toEqual(expected);
  }
  expect(matches).toBeGreaterThan(500);
});
