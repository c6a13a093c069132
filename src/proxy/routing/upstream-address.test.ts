import { expect, test } from "bun:test";
import { parseUpstreamAddress } from "./upstream-address.ts";

test.each([
  ["10.0.0.1", "10.0.0.1", "10.0.0.1"],
  ["FD00::0:1", "fd00::1", "[fd00::1]"],
  ["::ffff:10.0.0.1", "10.0.0.1", "10.0.0.1"],
  ["::1", "::1", "[::1]"],
])("%s is dialled as %s", (text, canonical, urlHost) => {
  expect(parseUpstreamAddress(text)).toEqual({ text: canonical, urlHost });
});

test.each([
  "",
  "localhost",
  "example.test",
  "10.1",
  "0x7f000001",
  "010.0.0.1",
  "10.0.0.1:80",
  "10.0.0.1/8",
  "fe80::1%eth0",
  "[::1]",
  "0.0.0.0",
  "::",
  "::ffff:0.0.0.0",
  "10.0.0.1@evil",
])("%j is no address", (text) => {
  expect(parseUpstreamAddress(text)).toBeNull();
});
