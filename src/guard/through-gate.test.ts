import { expect, test } from "bun:test";
import { cameThroughGate } from "./through-gate.ts";

const domain = "Example.com";
const host = "a-b-http-80.local.containers.example.com";
const far = "198.51.100.7";
const other = "box.containers.other.example";

test.each<[string, boolean, string | null, readonly (string | null)[], string]>([
  ["a client", false, null, ["api.example.com", null], far],
  ["a client on this machine", false, null, ["localhost", null], "127.0.0.1"],
  ["a client that asks for a container's host", false, null, [host, null], far],
  ["a gate of this installation", true, "http", [host, host], far],
  [
    "the same by another port and spelling",
    true,
    "http",
    [`${host.toUpperCase()}.:8000`, null],
    far,
  ],
  ["one that says the upstream's host", true, "http", ["10.0.0.5:8080", host], far],
  ["one behind a proxy that lists hosts", true, "http", ["10.0.0.5", `x.example, ${host}`], far],
  ["a gate on this machine, of whatever domain", true, "http", [other, other], "127.0.0.2"],
  ["the same over IPv6", true, "http", [other, other], "::1"],
  ["somebody else's gate", false, "http", [other, other], far],
  ["a host that only looks like one", false, "http", ["xcontainers.example.com", null], far],
])("%s: %p", (_who, expected, program, hosts, peer) => {
  expect(cameThroughGate({ program, hosts, peer }, domain)).toBe(expected);
});
