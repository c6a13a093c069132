import { expect, test } from "bun:test";
import { clientNetwork } from "./client-network.ts";

test.each([
  ["203.0.113.7", "203.0.113.7"],
  ["::ffff:203.0.113.7", "203.0.113.7"],
  ["2001:db8:0:1::1", "2001:db8:0:1::/64"],
  ["2001:db8:0:1:ffff::9", "2001:db8:0:1::/64"],
  ["::1", "0:0:0:0::/64"],
  ["", ""],
  ["unknown", ""],
  ["203.0.113.07", ""],
])("%j is in the network %j", (address, network) => {
  expect(clientNetwork(address)).toBe(network);
});
