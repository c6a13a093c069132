import { describe, expect, test } from "bun:test";
import { formatRange, parseAddressKey, parseRange, rangeHas } from "./ip-range.ts";

describe("parseRange", () => {
  test.each([
    ["10.0.0.0/8", { key: [0x0a000000], length: 8 }, "plain"],
    ["10.1.2.3/8", { key: [0x0a000000], length: 8 }, "host bits are masked"],
    ["1.2.3.4/0", { key: [0], length: 0 }, "/0 masks everything"],
    ["128.0.0.0/1", { key: [0x80000000], length: 1 }, "unsigned"],
    ["10.0.0.3/31", { key: [0x0a000002], length: 31 }, "/31"],
    ["255.255.255.255/32", { key: [0xffffffff], length: 32 }, "/32"],
    ["10.0.0.0", null, "no prefix length"],
    ["10.0.0.0/", null, "empty prefix length"],
    ["10.0.0.0/33", null, "too long"],
    ["10.0.0.0/-1", null, "negative"],
    ["10.0.0.0/08", null, "leading zero"],
    ["10.0.0.0/8/8", null, "two slashes"],
    ["10.0.0.0/8 ", null, "space"],
    ["010.0.0.0/8", null, "leading zero"],
    ["0x0a.0.0.0/8", null, "hex"],
    ["10.1/16", null, "short form"],
    ["1.2.3.256/8", null, "octet too large"],
    ["::/0", { key: [0, 0, 0, 0], length: 0 }, "every IPv6 address"],
    ["::ffff:10.0.0.0/104", null, "mapped network"],
    ["/8", null, "no address"],
    ["", null, "empty"],
    ["300.1.1.1/8", null, "octet too large"],
    ["10.0.0.0/255.0.0.0", null, "a mask in place of a length"],
    ["::1/128", { key: [0, 0, 0, 1], length: 128 }, "an IPv6 host"],
    ["2001:DB8::ff/32", { key: [0x20010db8, 0, 0, 0], length: 32 }, "IPv6 host bits are masked"],
    [
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/127",
      { key: [0xffffffff, 0xffffffff, 0xffffffff, 0xfffffffe], length: 127 },
      "IPv6, unsigned",
    ],
    ["::10.1.2.3/128", { key: [0, 0, 0, 0x0a010203], length: 128 }, "IPv4-compatible is IPv6"],
    ["64:ff9b::/96", { key: [0x0064ff9b, 0, 0, 0], length: 96 }, "NAT64 is IPv6"],
    ["::ffff:0:0/96", null, "all mapped addresses"],
    ["::ffff:10.1.2.3/128", null, "a mapped host"],
    ["0:0:0:0:0:FFFF:0a01:0203/8", null, "mapped, in a network that covers more"],
    ["::1", null, "IPv6 without a length"],
    ["::/129", null, "IPv6, too long"],
    ["::/-1", null, "IPv6, negative"],
    ["::/032", null, "IPv6, leading zero"],
    ["::1/64%eth0", null, "a zone after the length"],
    ["::%0/0", null, "a zone of digits"],
    ["[::1]/128", null, "brackets"],
    [":::/0", null, "three colons"],
    ["1::2::3/64", null, "two gaps"],
    ["1:2:3:4:5:6:7:8:9/64", null, "nine groups"],
    ["1:2:3:4:5:6:7/64", null, "seven groups"],
    ["12345::/64", null, "five digits"],
    ["g::/64", null, "no hex"],
    [" ::/0", null, "space before IPv6"],
    [":: /0", null, "space inside IPv6"],
    ["::/0\n", null, "line end after IPv6"],
    ["::/0,::1/128", null, "two IPv6 networks"],
    ["::ffff:010.0.0.0/104", null, "octal tail"],
    ["fe80::1%eth0/64", null, "IPv6 with a zone"],
    [" 10.0.0.0/8", null, "space before"],
    ["10.0.0.0 /8", null, "space inside"],
    ["10.0.0.0/8\n", null, "line end"],
    ["10.0.0.0/8,11.0.0.0/8", null, "two networks"],
    ["１0.0.0.0/8", null, "a digit that is not ASCII"],
    ["localhost/8", null, "a name"],
  ])("reads %j as %p: %s", (text, range) => {
    expect(parseRange(text)).toEqual(range);
  });
});

test("formatRange writes what parseRange reads", () => {
  expect(formatRange({ key: [0xfffefdfc], length: 30 })).toBe("255.254.253.252/30");
  for (const range of [
    { key: [0x80000000], length: 1 },
    { key: [0x80000000, 0, 0, 0], length: 1 },
    { key: [0x20010db8, 0x00010000, 0, 0xfffffffe], length: 127 },
  ]) {
    expect(parseRange(formatRange(range))).toEqual(range);
  }
});

test.each([
  ["2001:0DB8:0000::0:0/32", "2001:db8::/32"],
  ["2001:db8:0:0:1:0:0:9/128", "2001:db8::1:0:0:9/128"],
  ["2001:db8:0:1:1:1:1:1/128", "2001:db8:0:1:1:1:1:1/128"],
  ["0:0:0:0:0:0:0:0/0", "::/0"],
  ["1:0:0:0:0:0:0:0/16", "1::/16"],
  ["fe80::ffff/10", "fe80::/10"],
])("%s is written as %s (RFC 5952)", (range, canonical) => {
  const parsed = parseRange(range);
  expect(parsed === null ? null : formatRange(parsed)).toBe(canonical);
});

test.each([
  ["::ffff:10.1.2.3", 0x0a010203],
  ["10.1.2.3", 0x0a010203],
  ["2001:DB8::1", [0x20010db8, 0, 0, 1]],
  ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]],
  ["fe80::1%eth0", null],
  ["unknown", null],
  ["", null],
])("the address %j is %p", (text, key) => {
  expect(parseAddressKey(text)).toEqual(key as ReturnType<typeof parseAddressKey>);
});

test.each([
  ["0.0.0.0/0", "::1", false],
  ["::/0", "1.2.3.4", false],
  ["::/0", "::ffff:1.2.3.4", false],
  ["0.0.0.0/0", "::ffff:1.2.3.4", true],
  ["2001:db8::/33", "2001:db8:8000::", false],
  ["2001:db8::/33", "2001:db8:7fff::", true],
])("%s has %s: %p", (range, address, has) => {
  const [parsed, key] = [parseRange(range), parseAddressKey(address)];
  expect(parsed !== null && key !== null && rangeHas(parsed, key)).toBe(has);
});
