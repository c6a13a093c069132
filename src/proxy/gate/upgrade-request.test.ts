import { expect, test } from "bun:test";
import { type UpgradeRequest, upgradeRequest } from "./upgrade-request.ts";

const HANDSHAKE = {
  upgrade: "websocket",
  connection: "Upgrade",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

test.each<[UpgradeRequest, string, string, Record<string, string | null>]>([
  ["websocket", "as RFC 6455 has it", "GET", {}],
  ["websocket", "in capitals", "GET", { upgrade: "WebSocket", connection: "UPGRADE" }],
  ["websocket", "beside another option", "GET", { connection: "keep-alive, Upgrade" }],
  ["none", "none of it", "GET", { upgrade: null, connection: null }],
  ["none", "another method", "POST", {}],
  ["none", "another protocol", "GET", { upgrade: "h2c" }],
  ["none", "a list", "GET", { upgrade: "foo, websocket" }],
  ["none", "a version", "GET", { upgrade: "websocket/13" }],
  ["none", "no Connection", "GET", { connection: null }],
  ["none", "a Connection that names something else", "GET", { connection: "keep-alive, upgraded" }],
  ["websocket_version", "an old version", "GET", { "sec-websocket-version": "8" }],
  ["websocket_version", "two versions", "GET", { "sec-websocket-version": "13, 13" }],
  ["websocket_version", "no version", "GET", { "sec-websocket-version": null }],
  ["bad_upgrade", "no key", "GET", { "sec-websocket-key": null }],
  ["bad_upgrade", "a short key", "GET", { "sec-websocket-key": "c2hvcnQ=" }],
  ["bad_upgrade", "a long key", "GET", { "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZSE=" }],
  ["bad_upgrade", "no base64", "GET", { "sec-websocket-key": "dGhlIHNhbXBsZSBub25j*Q==" }],
])("%s: %s", (wish, _why, method, changes) => {
  const headers = new Headers(HANDSHAKE);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) {
      headers.delete(name);
    } else {
      headers.set(name, value);
    }
  }
  expect(upgradeRequest(method, headers)).toBe(wish);
});
