import { expect, test } from "bun:test";
import { DEFAULT_SETTINGS } from "../routing/program-settings.ts";
import { requestHeaders } from "./request-headers.ts";
import type { ForwardedRequest } from "./upstream.ts";

function groupsHeader(groups: readonly string[] | null, received: Record<string, string> = {}) {
  const route = { program: "http", instance: 80, settings: DEFAULT_SETTINGS };
  const forwarded = {
    active: {
      allowed: { route, groups, consumedCredentials: [], jwtSources: [], unverifiedSources: [] },
      exchange: { requestId: "id", traceId: null },
    },
    admitted: { peerTrusted: false, client: "192.0.2.1" },
    head: { host: "h", peer: "192.0.2.1", listener: { scheme: "http" } },
    detour: null,
  } as unknown as ForwardedRequest;
  return requestHeaders(new Headers(received), forwarded).get("x-realmgate-groups");
}

test("the granting groups are named, at most 16 of them, however many there are", () => {
  const names = Array.from({ length: 1_000 }, (_, n) => `group-${n}`);
  expect(groupsHeader(names)).toBe(names.slice(0, 16).join(","));
  expect(groupsHeader(names.slice(0, 16))).toBe(names.slice(0, 16).join(","));
  expect(groupsHeader(["a", "b"])).toBe("a,b");
});

test("without one there is no such header, whatever the client sent", () => {
  expect(groupsHeader(null, { "x-realmgate-groups": "admin" })).toBeNull();
});
