import { describe, expect, test } from "bun:test";
import { addressPolicy, isLoopback } from "./address-policy.ts";

const everywhere = addressPolicy(["0.0.0.0/0", "::/0"]);
const usual = addressPolicy([
  "127.0.0.0/8",
  "10.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "::1/128",
  "fc00::/7",
]);

describe("inside the networks for containers", () => {
  test.each([
    ["10.0.0.0", "10.0.0.0", "the first address"],
    ["10.255.255.255", "10.255.255.255", "the last address"],
    ["172.31.255.255", "172.31.255.255", "the last of a /12"],
    ["127.0.0.1", "127.0.0.1", "loopback"],
    ["::1", "::1", "IPv6 loopback"],
    ["FD00:0:0::0001", "fd00::1", "kept in canonical spelling"],
    ["::ffff:10.1.2.3", "10.1.2.3", "a mapped address is the IPv4 one"],
    ["::ffff:0a01:0203", "10.1.2.3", "however it is spelled"],
  ])("%s is placed as %s: %s", (address, placed) => {
    expect(usual.place(address)).toBe(placed);
  });
});

describe("outside of them", () => {
  test.each([
    ["9.255.255.255", "one before"],
    ["11.0.0.0", "one after"],
    ["172.15.255.255", "one before a /12"],
    ["172.32.0.0", "one after a /12"],
    ["8.8.8.8", "the internet"],
    ["2001:db8::1", "the IPv6 internet"],
    ["::ffff:8.8.8.8", "mapped"],
    ["::10.0.0.1", "compatible is not mapped"],
  ])("%s is nowhere: %s", (address) => {
    expect(usual.place(address)).toBeNull();
  });

  test("nothing is placed when there are no networks", () => {
    expect(addressPolicy([]).place("127.0.0.1")).toBeNull();
  });
});

describe("no configuration opens", () => {
  test.each([
    ["169.254.169.254", "cloud metadata"],
    ["169.254.0.0", "link-local, first"],
    ["169.254.255.255", "link-local, last"],
    ["::ffff:169.254.169.254", "metadata, mapped"],
    ["64:ff9b::a9fe:a9fe", "metadata, behind NAT64"],
    ["64:ff9b::169.254.0.1", "link-local, behind NAT64"],
    ["2002:a9fe:a9fe::1", "metadata, by 6to4"],
    ["::a9fe:a9fe", "metadata, compatible"],
    ["::ffff:0:169.254.169.254", "metadata, translated"],
    ["64:ff9b::100.100.100.200", "metadata of another cloud, behind NAT64"],
    ["168.63.129.16", "the wire server of Azure"],
    ["fe80::1", "IPv6 link-local"],
    ["febf:ffff::1", "its last block"],
    ["0.0.0.0", "this host"],
    ["0.1.2.3", "this network"],
    ["::", "unspecified"],
    ["::ffff:0.0.0.0", "unspecified, mapped"],
    ["224.0.0.1", "multicast"],
    ["ff02::1", "IPv6 multicast"],
    ["255.255.255.255", "broadcast"],
    ["fd00:ec2::254", "cloud metadata over IPv6"],
    ["fd20:ce::254", "cloud metadata over IPv6"],
    ["100.100.100.200", "cloud metadata"],
    ["192.0.0.192", "cloud metadata"],
  ])("%s: %s", (address) => {
    expect(everywhere.place(address)).toBeNull();
  });

  test.each(["169.253.255.255", "169.255.0.0", "1.0.0.0", "223.255.255.255", "fec0::1", "::2"])(
    "but %s, which is beside, it may",
    (address) => {
      expect(everywhere.place(address)).toBe(address);
    },
  );
});

describe("an address is a literal with one meaning", () => {
  test.each([
    ["", "empty"],
    ["localhost", "a name"],
    ["10.1", "a short form"],
    ["167772161", "a number"],
    ["0x0a.0.0.1", "hex"],
    ["010.0.0.1", "octal, or is it"],
    ["10.0.0.01", "a leading zero at the end"],
    ["10.0.0.256", "an octet too large"],
    ["10.0.0.1/32", "a network"],
    ["10.0.0.1:80", "a port"],
    [" 10.0.0.1", "a space before"],
    ["10.0.0.1 ", "a space after"],
    ["10.0.0.1\n", "a line end"],
    ["[fd00::1]", "brackets"],
    ["fd00::1%eth0", "a zone"],
    ["fd00:::1", "three colons"],
    ["fd00::1::2", "two gaps"],
    ["::ffff:010.0.0.1", "octal inside a mapped address"],
    ["::ffff:0xa.0.0.1", "hex inside a mapped address"],
    ["::ffff:10.1", "a short form inside a mapped address"],
    ["１０.0.0.1", "digits of another width"],
  ])("%j is none: %s", (address) => {
    expect(everywhere.place(address)).toBeNull();
  });
});

describe("a network that is none is not accepted", () => {
  test.each([
    ["10.0.0.0", "no length"],
    ["10.0.0.0/33", "too long"],
    ["10.0.0.0/-1", "negative"],
    ["10.0.0.0/", "an empty length"],
    ["10.0.0.0/8/8", "two lengths"],
    ["300.0.0.0/8", "an octet too large"],
    ["::/129", "too long for IPv6"],
    ["example.test/8", "a name"],
    ["", "nothing"],
    ["10.1/16", "a short form"],
    ["010.0.0.0/8", "octal, or is it"],
    ["0x0a.0.0.0/8", "hex"],
  ])("%j: %s", (network) => {
    expect(() => addressPolicy([network])).toThrow();
  });
});

test.each([
  ["localhost", true],
  ["127.0.0.1", true],
  ["127.255.255.254", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["10.0.0.1", false],
  ["128.0.0.1", false],
  ["192.0.2.1", false],
  ["localhost.example.test", false],
  ["example.test", false],
  ["", false],
])("a listener at %j is reached from this machine only: %p", (hostname, loopback) => {
  expect(isLoopback(hostname)).toBe(loopback);
});
