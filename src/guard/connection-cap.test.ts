import { describe, expect, test } from "bun:test";
import { ConnectionCap } from "./connection-cap.ts";

describe("connections", () => {
  test("are capped in all, and come back when they are closed", () => {
    const cap = new ConnectionCap({ connectionsMax: 2, perNetworkMax: 2 });
    const first = cap.admit("192.0.2.1");
    expect(cap.admit("192.0.2.2")).not.toBeNull();
    expect(cap.admit("192.0.2.3")).toBeNull();
    first?.();
    expect(cap.admit("192.0.2.3")).not.toBeNull();
    expect([cap.count, cap.refused]).toEqual([2, 1]);
  });

  test.each([
    ["one IPv4 address", ["192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1"]],
    ["one /64", ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::1"]],
    ["peers without an address", ["", "unknown", ""]],
  ])("are capped for %s", (_, [one = "", two = "", three = ""]) => {
    const cap = new ConnectionCap({ connectionsMax: 10, perNetworkMax: 2 });
    const release = cap.admit(one);
    expect([cap.admit(two), cap.admit(three)].map((admitted) => admitted !== null)).toEqual([
      true,
      false,
    ]);
    expect(cap.admit("198.51.100.1")).not.toBeNull();
    release?.();
    expect(cap.admit(three)).not.toBeNull();
  });

  test("of a peer that many clients share are capped by the total alone", () => {
    const isShared = (address: string) => address === "10.0.0.1";
    const cap = new ConnectionCap({ connectionsMax: 3, perNetworkMax: 1, isShared });
    expect([1, 2, 3, 4].map(() => cap.admit("10.0.0.1") !== null)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test("of the largest network make way for others once all places are taken", () => {
    const cap = new ConnectionCap({ connectionsMax: 5, perNetworkMax: 4 });
    for (const address of ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"]) cap.admit(address);
    expect(cap.crowdBefore("192.0.2.3")).toBeNull();
    const release = cap.admit("192.0.2.2");
    // Full now: 3 and 2.
    expect(cap.crowdBefore("192.0.2.3")).toBe("192.0.2.1");
    // It would have as many as the largest.
    expect(cap.crowdBefore("192.0.2.2")).toBeNull();
    expect(cap.crowdBefore("192.0.2.1")).toBeNull();
    release?.();
    expect(cap.crowdBefore("192.0.2.3")).toBeNull();
  });
});
