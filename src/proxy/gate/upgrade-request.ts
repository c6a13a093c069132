import type { HeaderReader } from "../routing/header-reader.ts";

/** The upgrade that a request asks for. The last two are reasons to refuse it. */
export type UpgradeRequest = "none" | "websocket" | "websocket_version" | "bad_upgrade";

/** 16 bytes in base64 (RFC 6455 §4.1). */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/**
 * A WebSocket handshake (RFC 6455 §4.2.1), or an ordinary request whose Upgrade header is dropped: any other method, any other
 * protocol, several of them, or no `Connection: upgrade` (RFC 9110 §7.8).
 */
export function upgradeRequest(method: string, headers: HeaderReader): UpgradeRequest {
  if (
    method !== "GET" ||
    headers.get("upgrade")?.toLowerCase() !== "websocket" ||
    !namesUpgrade(headers.get("connection"))
  ) {
    return "none";
  }
  if (headers.get("sec-websocket-version") !== "13") {
    return "websocket_version";
  }
  return KEY.test(headers.get("sec-websocket-key") ?? "") ? "websocket" : "bad_upgrade";
}

function namesUpgrade(connection: string | null): boolean {
  const tokens = connection === null ? [] : connection.split(",");
  return tokens.some((token) => token.trim().toLowerCase() === "upgrade");
}
