import { describe, expect, test } from "bun:test";
import { type Network, parseAddress, parseNetwork } from "./address.ts";
import { AddressSet } from "./address-set.ts";

function network(text: string): Network {
  const parsed = parseNetwork(text);
  if (parsed === null) throw new TypeError(`bad network in a test: ${text}`);
  return parsed;
}

const setOf = (...texts: string[]) => new AddressSet(texts.map(network));

function has(set: AddressSet, text: string): boolean {
  const address = parseAddress(text);
  return address !== null && set.has(address);
}

describe("has", () => {
  const set = setOf("10.0.0.0/8", "fc00::/7");
  test.each([
    ["10.255.255.255", true],
    ["::ffff:10.0.0.1", true],
    ["11.0.0.0", false],
    ["fdff::1", true],
    ["fe00::1", false],
    ["::10.0.0.1", false],
  ])("%s: %p", (text, expected) => {
    expect(has(set, text)).toBe(expected);
  });

  test.each([
    [[], "10.0.0.1", false],
    [[], "::1", false],
    [["0.0.0.0/0"], "255.255.255.255", true],
    [["0.0.0.0/0"], "::1", false],
    [["::/0"], "ffff::", true],
    [["::/0"], "1.2.3.4", false],
    [["::/0"], "::ffff:1.2.3.4", false],
    [["::1/128"], "::1", true],
    [["::1/128"], "::", false],
    [["2001:db8:0:1::/64"], "2001:db8:0:1:ffff::", true],
    [["2001:db8:0:1::/64"], "2001:db8:0:2::", false],
    [["2001:db8::/33"], "2001:db8:8000::", false],
    [["10.1.2.3/8"], "10.0.0.0", true],
  ])("of %p has %s: %p", (networks, text, expected) => {
    expect(has(setOf(...networks), text)).toBe(expected);
  });
});

describe("covers", () => {
  test.each([
    [["10.0.0.0/9", "10.128.0.0/9"], "10.0.0.0/8", true],
    [["10.0.0.0/9", "10.128.0.0/10"], "10.0.0.0/8", false],
    [["10.0.0.0/8"], "10.0.0.0/7", false],
    [["0.0.0.0/1", "128.0.0.0/1"], "0.0.0.0/0", true],
    [["::/1", "8000::/1"], "::/0", true],
    [["::/1", "8000::/1"], "0.0.0.0/0", false],
    [["10.0.0.1/32", "10.0.0.2/32"], "10.0.0.1/31", false],
  ])("%p covers %s: %p", (networks, text, expected) => {
    expect(setOf(...networks).covers(network(text))).toBe(expected);
  });
});
