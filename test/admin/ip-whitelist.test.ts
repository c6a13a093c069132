import { describe, expect, test } from "bun:test";
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../proto/call.ts";
import { refusalOf } from "../../proto/errors.ts";
import {
  allowsAddress,
  intersection,
  isWithin,
  whitelistOf,
} from "../../src/admin/auth/ip-whitelist.ts";
import { randomFrom } from "../arbitrary/random.ts";

function whitelist(json: JsonValue): readonly string[] | string {
  try {
    return whitelistOf(fromJson(ValueSchema, json));
  } catch (error) {
    if (error instanceof ApiError) return refusalOf(error.code).code;
    throw error;
  }
}

const addresses = (n: number) =>
  Array.from({ length: n }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);

describe("a list", () => {
  test.each([
    [["203.0.113.0/24"], ["203.0.113.0/24"], "as documented"],
    ["203.0.113.44", ["203.0.113.44"], "one text"],
    ["203.0.113.44, 198.51.100.0/24", ["203.0.113.44", "198.51.100.0/24"], "with commas"],
    [["203.0.113.44/24"], ["203.0.113.0/24"], "host bits are masked"],
    [["10.0.0.1", "10.0.0.1"], ["10.0.0.1"], "twice is once"],
    [["10.0.0.1", "*"], ["*"], "any is any"],
    [["0.0.0.0/0"], ["0.0.0.0/0"], "every IPv4 address"],
    ["*", ["*"], "anywhere"],
    [["2001:DB8:0::1"], ["2001:db8::1"], "an IPv6 address"],
    [["2001:db8::1", "2001:DB8::0:1"], ["2001:db8::1"], "two spellings are one"],
    [["2001:db8:ffff::1/32"], ["2001:db8::/32"], "IPv6 host bits are masked"],
    ["::1, 10.0.0.0/8", ["::1", "10.0.0.0/8"], "both families"],
    [["::/0"], ["::/0"], "every IPv6 address"],
  ])("%p becomes %p: %s", (sent, stored) => {
    expect(whitelist(sent)).toEqual(stored);
  });

  test.each([
    [[]],
    [""],
    ["10.0.0.1,"],
    [["10.0.0.1", ""]],
    ["10.0.0"],
    ["10.0.0.256"],
    ["010.0.0.1"],
    ["10.0.0.0/33"],
    ["10.0.0.0/"],
    ["::ffff:10.0.0.1"],
    ["::ffff:10.0.0.0/104"],
    ["::1%lo"],
    ["fe80::1%eth0/64"],
    ["::1/129"],
    ["::1/"],
    ["[::1]"],
    ["1::2::3"],
    ["example.com"],
    [[1]],
    [[["10.0.0.1"]]],
    [true],
    [null],
    [{}],
  ])("%p is none", (sent: JsonValue) => {
    expect(whitelist(sent)).toBe("INVALID_IP_FORMAT");
  });

  test("an unset value is none", () => {
    expect(() => whitelistOf(create(ValueSchema))).toThrow("Invalid IP address");
  });

  test("1,001 entries are too many, and 65,537 characters", () => {
    expect(whitelist(addresses(1000))).toEqual(addresses(1000));
    expect(whitelist(addresses(1001))).toBe("IP_WHITELIST_TOO_LARGE");
    expect(whitelist(addresses(1001).join(","))).toBe("IP_WHITELIST_TOO_LARGE");
    expect(whitelist(`10.0.0.1${" ".repeat(65_528)}`)).toEqual(["10.0.0.1"]);
    expect(whitelist(`10.0.0.1${" ".repeat(65_529)}`)).toBe("IP_WHITELIST_TOO_LARGE");
  });
});

describe("an address", () => {
  test.each([
    [["*"], "203.0.113.1", true],
    [["*"], "2001:db8::1", true],
    [["*"], "", true],
    [["203.0.113.0/24"], "203.0.113.0", true],
    [["203.0.113.0/24"], "203.0.113.255", true],
    [["203.0.113.0/24"], "203.0.114.0", false],
    [["203.0.113.0/24"], "203.0.112.255", false],
    [["203.0.113.0/24"], "::ffff:203.0.113.7", true],
    [["0.0.0.0/0"], "255.255.255.255", true],
    [["0.0.0.0/0"], "2001:db8::1", false],
    [["0.0.0.0/0"], "nonsense", false],
    [["::/0"], "2001:db8::1", true],
    [["::/0"], "203.0.113.7", false],
    [["::/0"], "::ffff:203.0.113.7", false],
    [["2001:db8::/32"], "2001:DB8:1::", true],
    [["2001:db8::/32"], "2001:db9::", false],
    [["2001:db8::1"], "2001:db8:0:0::1", true],
    [["2001:db8::1"], "2001:db8::2", false],
    [["2001:db8::1"], "2001:db8::1%eth0", false],
    [["10.0.0.1", "10.0.0.3"], "10.0.0.3", true],
    [["10.0.0.1", "10.0.0.3"], "10.0.0.2", false],
    [[], "10.0.0.1", false],
  ])("of %p: %s is %p", (list, address, allowed) => {
    expect(allowsAddress(list, address)).toBe(allowed);
  });
});

describe("one list within another", () => {
  test.each([
    [["10.0.0.1"], ["*"], true],
    [["*"], ["*"], true],
    [["*"], ["0.0.0.0/0"], false],
    [["0.0.0.0/0"], ["0.0.0.0/0"], true],
    [["10.0.0.0/24"], ["10.0.0.0/23"], true],
    [["10.0.0.0/23"], ["10.0.0.0/24"], false],
    [["10.0.0.0/23"], ["10.0.1.0/24", "10.0.0.0/24"], true],
    [["10.0.0.0/23"], ["10.0.1.0/24", "10.0.0.0/25"], false],
    [["10.0.0.9"], ["10.0.0.0/8", "10.0.0.0/30"], true],
    [["10.0.0.1", "11.0.0.1"], ["10.0.0.0/8"], false],
    [["255.255.255.255"], ["255.255.255.0/24"], true],
    [["10.0.0.1"], [], false],
    [["2001:db8::/33"], ["2001:db8::/32"], true],
    [["2001:db8::/32"], ["2001:db8::/33"], false],
    [["2001:db8::/32"], ["2001:db8::/33", "2001:db8:8000::/33"], true],
    [["2001:db8::1"], ["::/0"], true],
    [["2001:db8::1"], ["0.0.0.0/0"], false],
    [["10.0.0.1"], ["::/0"], false],
    [["::/0", "0.0.0.0/0"], ["*"], true],
    [["*"], ["::/0", "0.0.0.0/0"], false],
  ])("%p in %p: %p", (list, bounds, within) => {
    expect(isWithin(list, bounds)).toBe(within);
  });
});

test("an intersection has the addresses of both, and is within both", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = randomFrom(seed);
    // 16 neighbouring addresses in networks of 1 to 16: lists overlap, nest and miss each other.
    const entry = () => {
      const length = random.between(28, 32);
      return `10.0.0.${(random.below(16) >> (32 - length)) << (32 - length)}/${length}`;
    };
    const list = () => (random.chance(0.1) ? ["*"] : random.list(random.between(0, 4), entry));
    const [some, others] = [list(), list()];
    const both = intersection(some, others);
    for (let last = 0; last <= 16; last++) {
      const address = `10.0.0.${last}`;
      const allowed = allowsAddress(some, address) && allowsAddress(others, address);
      expect({ seed, address, allowed: allowsAddress(both, address) }).toEqual({
        seed,
        address,
        allowed,
      });
    }
    expect({ seed, some: isWithin(both, some), others: isWithin(both, others) }).toEqual({
      seed,
      some: true,
      others: true,
    });
  }
});
