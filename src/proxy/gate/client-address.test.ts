import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseAddress } from "../../policy/address.ts";
import { trustedProxies, UNKNOWN_ADDRESS, unmapped } from "./client-address.ts";

const none = trustedProxies([]);
const some = trustedProxies(["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"]);

describe("without trusted proxies", () => {
  test.each([
    ["203.0.113.7", "203.0.113.7"],
    ["2001:db8::1", "2001:db8::1"],
  ])("the peer %s is the client %s whatever it says", (peer, client) => {
    expect(none.client(peer, "10.1.1.1")).toBe(client);
    expect(none.trusts(peer)).toBe(false);
  });
});

test.each([
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["203.0.113.7", "203.0.113.7"],
  ["2001:db8::1", "2001:db8::1"],
  ["::ffff:1", "::ffff:1"],
])("the peer %s is called %s", (peer, name) => {
  expect(unmapped(peer)).toBe(name);
});

describe("with trusted proxies", () => {
  test.each([
    ["203.0.113.7", "10.1.1.1", "203.0.113.7", "an untrusted peer is not believed"],
    ["10.0.0.1", null, "10.0.0.1", "a trusted peer that says nothing is the client"],
    ["10.0.0.1", "198.51.100.1", "198.51.100.1", "one entry"],
    ["::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1", "a mapped peer is its IPv4 address"],
    ["fd00::5", "198.51.100.1", "198.51.100.1", "a trusted IPv6 peer"],
    ["10.0.0.1", "192.0.2.1, 198.51.100.1", "198.51.100.1", "the right-most untrusted entry"],
    ["10.0.0.1", "192.0.2.1, 198.51.100.1, 10.2.2.2", "198.51.100.1", "trusted hops are skipped"],
    ["10.0.0.1", "198.51.100.1,fd00::9 ,10.2.2.2", "198.51.100.1", "also IPv6 ones"],
    ["10.0.0.1", "10.3.3.3, 10.2.2.2", "10.3.3.3", "all trusted: the left-most"],
    ["10.0.0.1", "garbage, 198.51.100.1", "198.51.100.1", "what is left of it does not matter"],
    ["10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1", "a mapped entry"],
    ["10.0.0.1", "2001:DB8:0::1", "2001:db8::1", "any spelling of IPv6"],
    ["10.0.0.1", "198.51.100.1, unknown", "unknown", "fails closed: a word"],
    ["10.0.0.1", "198.51.100.1:80", "198.51.100.1", "a port is left out"],
    ["10.0.0.1", "198.51.100.1, 10.2.2.2:443", "198.51.100.1", "of a trusted hop, too"],
    ["10.0.0.1", "[2001:db8::1]", "2001:db8::1", "brackets are left out"],
    ["10.0.0.1", "[2001:db8::1]:65535", "2001:db8::1", "with a port, too"],
    ["10.0.0.1", "[::ffff:198.51.100.1]:80", "198.51.100.1", "of a mapped address, too"],
    ["10.0.0.1", "198.51.100.1:", "unknown", "fails closed: no port"],
    ["10.0.0.1", "198.51.100.1:65536", "unknown", "fails closed: a port that there is not"],
    ["10.0.0.1", "198.51.100.1:80:80", "unknown", "fails closed: two ports"],
    ["10.0.0.1", "198.51.100.1:_x", "unknown", "fails closed: an obfuscated port"],
    ["10.0.0.1", "[198.51.100.1]", "unknown", "fails closed: brackets around IPv4"],
    ["10.0.0.1", "[2001:db8::1", "unknown", "fails closed: half of brackets"],
    ["10.0.0.1", "[fe80::1%eth0]:1", "unknown", "fails closed: a zone in brackets"],
    ["10.0.0.1", '"[2001:db8::1]"', "unknown", "fails closed: quotes"],
    ["10.0.0.1", "198.51.100.1, ", "unknown", "fails closed: an empty entry"],
    ["10.0.0.1", "", "unknown", "fails closed: an empty header"],
    ["10.0.0.1", ",198.51.100.1", "198.51.100.1", "an empty entry further left"],
    ["10.0.0.1", ",10.1.1.1", "unknown", "an empty first entry behind trusted ones"],
    ["10.0.0.1", "0x7f.1", "unknown", "fails closed: hexadecimal"],
    ["10.0.0.1", "010.0.0.1", "unknown", "fails closed: octal"],
    ["10.0.0.1", "fe80::1%eth0", "unknown", "fails closed: a zone"],
  ])("peer %s saying %j is %s: %s", (peer, forwardedFor, client) => {
    expect(some.client(peer, forwardedFor)).toBe(client);
  });

  test("whatever an entry is, it is an address that is meant, or unknown; never the proxy itself", () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    const spelled = fc
      .tuple(address, fc.nat({ max: 65_535 }), fc.nat({ max: 3 }))
      .map(([ip, port, how]) => {
        const isIpv6 = ip.includes(":");
        const [open, close] = isIpv6 ? ["[", "]"] : ["", ""];
        return {
          ip,
          text: [ip, `${open}${ip}${close}:${port}`, `${open}${ip}${close}`, ` ${ip}\t`][how] ?? ip,
        };
      });
    fc.assert(
      fc.property(spelled, ({ ip, text }) => {
        expect(some.client("10.0.0.1", text)).toBe(some.client("10.0.0.1", ip));
      }),
    );
    const garbage = fc.string({
      unit: fc.constantFrom(...'0123456789abf.:[]%_" x'),
      maxLength: 24,
    });
    fc.assert(
      fc.property(garbage, (text) => {
        const client = some.client("10.0.0.1", `203.0.113.9, ${text}`);
        const isKnown = parseAddress(client) !== null;
        expect(isKnown || client === UNKNOWN_ADDRESS).toBeTrue();
        // Only a trusted hop is passed over.
        if (client === "203.0.113.9") expect(some.trusts(some.client("10.0.0.1", text))).toBeTrue();
      }),
      { numRuns: 2_000 },
    );
  });

  test("a very long list is read from the right only as far as needed", () => {
    expect(some.client("10.0.0.1", `${"garbage, ".repeat(1000)}198.51.100.1`)).toBe("198.51.100.1");
  });

  test("more peers than are remembered are still told apart", () => {
    for (let i = 0; i < 600; i++) {
      expect(some.trusts(`192.0.${i >> 8}.${i & 255}`)).toBe(false);
      expect(some.trusts(`10.0.${i >> 8}.${i & 255}`)).toBe(true);
    }
  });
});

test("a range that is no CIDR is refused by name", () => {
  expect(() => trustedProxies(["10.0.0.0/8", "10.0.0.0/33"])).toThrow('"10.0.0.0/33"');
});
