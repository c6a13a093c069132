import { describe, expect, test } from "bun:test";
import { isIPv4 } from "node:net";
import { parseAddress, parseIpv4, parseNetwork } from "./address.ts";

const TEN_1_2_3 = 0x0a010203;

describe("parseIpv4", () => {
  test.each([
    ["10.1.2.3", TEN_1_2_3, "dotted quad"],
    ["0.0.0.0", 0, "least"],
    ["255.255.255.255", 0xffffffff, "greatest, unsigned"],
    ["128.0.0.0", 0x80000000, "top bit, unsigned"],
    ["::ffff:10.1.2.3", TEN_1_2_3, "mapped, as a dual-stack socket reports it"],
    ["::FFFF:10.1.2.3", TEN_1_2_3, "mapped, upper case"],
    ["::ffff:a01:203", TEN_1_2_3, "mapped, all hex"],
    ["0:0:0:0:0:ffff:0a01:0203", TEN_1_2_3, "mapped, written out"],
    ["0:0:0:0:0:ffff:10.1.2.3", TEN_1_2_3, "mapped, written out, dotted tail"],
    ["::ffff:255.255.255.255", 0xffffffff, "mapped, greatest"],
    ["::10.1.2.3", null, "IPv4-compatible is not mapped"],
    ["::ffff:0:10.1.2.3", null, "translated (SIIT) is not mapped"],
    ["64:ff9b::10.1.2.3", null, "NAT64 is not mapped"],
    ["2001:db8::1", null, "real IPv6"],
    ["::1", null, "real IPv6 loopback"],
    ["::", null, "unspecified"],
    ["::ffff:010.1.2.3", null, "octal-looking tail"],
    ["::ffff:0x0a.1.2.3", null, "hex tail"],
    ["::ffff:10.1.2", null, "short tail"],
    ["::ffff:10.1.2.3%eth0", null, "zone"],
    ["fe80::1%eth0", null, "zone"],
    ["[::ffff:10.1.2.3]", null, "brackets"],
    ["10.1.2.3:80", null, "port"],
    ["010.1.2.3", null, "leading zero"],
    ["10.1.2.03", null, "leading zero"],
    ["00.0.0.0", null, "double zero"],
    ["0x0a.1.2.3", null, "hex"],
    ["10.1.2", null, "three octets"],
    ["10.1.2.3.4", null, "five octets"],
    ["10.1..3", null, "empty octet"],
    [".10.1.2", null, "leading dot"],
    ["10.1.2.", null, "trailing dot"],
    ["256.1.2.3", null, "octet too large"],
    ["1000.1.1.1", null, "four digits"],
    ["-1.1.1.1", null, "sign"],
    [" 10.1.2.3", null, "space before"],
    ["10.1.2.3 ", null, "space after"],
    ["10.1.2.3\n", null, "line end"],
    ["१0.1.2.3", null, "other digits"],
    ["167838211", null, "one number"],
    ["", null, "empty"],
    ["unknown", null, "a word"],
  ])("reads %j as %p: %s", (text, address) => {
    expect(parseIpv4(text)).toBe(address);
  });
});

test("reads exactly the dotted quads that node:net calls IPv4", () => {
  const octets = [
    "0",
    "1",
    "00",
    "01",
    "9",
    "10",
    "099",
    "100",
    "199",
    "255",
    "256",
    "-1",
    "1e1",
    "",
  ];
  for (const a of octets) {
    for (const b of octets) {
      for (const text of [`${a}.${b}.0.1`, `0.1.${a}.${b}`, `1.${a}.${b}.`, `${a}.${b}.3`]) {
        expect([text, parseIpv4(text) !== null]).toEqual([text, isIPv4(text)]);
      }
    }
  }
});

describe("parseAddress", () => {
  test.each([
    ["10.1.2.3", "10.1.2.3"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["::ffff:a01:203", "10.1.2.3"],
    ["2001:DB8:0::1", "2001:db8::1"],
    ["64:ff9b::10.1.2.3", "64:ff9b::a01:203"],
    ["::10.0.0.1", "::a00:1"],
    ["010.0.0.1", undefined],
    ["0x0a.0.0.1", undefined],
    ["10.1", undefined],
    ["167772161", undefined],
    ["::ffff:010.0.0.1", undefined],
    ["::ffff:0xa.0.0.1", undefined],
    ["::ffff:10.1", undefined],
    ["fe80::1%eth0", undefined],
    ["[::1]", undefined],
    ["::1:", undefined],
    ["1.2.3.4:80", undefined],
    ["", undefined],
  ])("reads %s as %s", (text, address) => {
    expect(parseAddress(text)?.toString()).toBe(address);
  });
});

describe("parseNetwork", () => {
  test.each([
    ["10.0.0.0/8", "10.0.0.0", 8],
    ["10.1.2.3/8", "10.1.2.3", 8],
    ["0.0.0.0/0", "0.0.0.0", 0],
    ["255.255.255.255/32", "255.255.255.255", 32],
    ["fc00::/7", "fc00::", 7],
    ["::/0", "::", 0],
    ["::1/128", "::1", 128],
  ])("reads %s", (text, address, length) => {
    const [actual, actualLength] = parseNetwork(text) ?? [];
    expect([actual?.toString(), actualLength]).toEqual([address, length]);
  });

  test.each([
    "10.1/16",
    "010.0.0.0/8",
    "0x0a.0.0.0/8",
    "10.0.0.0/08",
    "10.0.0.0/33",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/8 ",
    "::/129",
    "::ffff:10.0.0.0/104",
    "::ffff:10.0.0.0/8",
    "fe80::%eth0/10",
    "",
  ])("refuses %j", (text) => {
    expect(parseNetwork(text)).toBeNull();
  });
});
