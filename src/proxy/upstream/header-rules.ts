/**
 * Headers that belong to one connection (RFC 9110 §7.6.1), and `expect`: this edge has answered it before it could be asked.
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "proxy-authorization",
  "proxy-authenticate",
  "http2-settings",
  "expect",
]);

/** What Connection must not be able to take away: framing, identity, and what says who the client is. */
const KEPT: ReadonlySet<string> = new Set([
  "content-length",
  "content-type",
  "content-encoding",
  "host",
  "authorization",
  "cookie",
  "set-cookie",
]);

/** Removes what belongs to the connection the message came on; what Connection names goes too, save KEPT and forwarding headers. */
export function removeHopByHop(headers: Headers): void {
  const connection = headers.get("connection");
  if (connection !== null) {
    for (const token of connection.split(",")) {
      const name = token.trim().toLowerCase();
      if (isToken(name) && !KEPT.has(name) && !isForwarding(name)) {
        headers.delete(name);
      }
    }
  }
  for (const name of HOP_BY_HOP) {
    headers.delete(name);
  }
}

/**
 * Removes what only we, or a proxy we trust, may say: `X-Realmgate-*` always, the forwarding headers unless the peer is
 * trusted. Spelled with `_` both go always: applications read `X_Forwarded_For` as the header it imitates.
 */
export function removeClaims(headers: Headers, received: Headers, peerTrusted: boolean): void {
  for (const name of received.keys()) {
    const first = name.charCodeAt(0);
    if (first !== 120 && first !== 102) {
      continue;
    }
    const spelledApart = name.includes("_");
    const folded = spelledApart ? name.replaceAll("_", "-") : name;
    if (
      folded.startsWith("x-realmgate-") ||
      (isForwarding(folded) && (spelledApart || !peerTrusted))
    ) {
      headers.delete(name);
    }
  }
}

function isForwarding(name: string): boolean {
  return name.startsWith("x-forwarded-") || name === "forwarded" || name === "x-real-ip";
}

/** RFC 9110 §5.6.2: what may be a header name; anything else would make Headers throw. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

function isToken(name: string): boolean {
  return TOKEN.test(name);
}
