import { isToken } from "../../policy/field-syntax.ts";
import { isMethodField, isTargetField } from "../routing/request-overrides.ts";

/**
 * Request header fields that belong to one connection (RFC 9110 §7.6.1), and `expect`, which this edge has answered before the
 * upstream could be asked.
 */
export const HOP_BY_HOP_OF_REQUESTS = [
  "connection",
  "proxy-connection",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "proxy-authorization",
  "http2-settings",
  "expect",
] as const;

/** The same, of requests and responses. */
export const HOP_BY_HOP = [...HOP_BY_HOP_OF_REQUESTS, "proxy-authenticate"] as const;

/** Fields that end at the gate where another character stands for `-`: the length of a body that some applications then believe. */
export const FRAMING_FIELDS = ["content-length", "transfer-encoding"] as const;

/** By CGI's rules it is HTTP_PROXY, a variable that programs take for the proxy of what they ask for (CVE-2016-5385). No standard knows it. */
export const PROXY_FIELD = "proxy";

/** Fields that Connection cannot remove: framing, identity and credentials. */
export const KEPT_FROM_CONNECTION = [
  "content-length",
  "content-type",
  "content-encoding",
  "host",
  "authorization",
  "cookie",
  "set-cookie",
] as const;

const KEPT: ReadonlySet<string> = new Set(KEPT_FROM_CONNECTION);

/** Removes the fields of the connection on which the message arrived, and those that Connection names, save KEPT_FROM_CONNECTION and forwarding headers. */
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
 * Removes fields that only the gate, or a trusted proxy, may set: `X-Realmgate-*` always, the forwarding headers unless the peer
 * is trusted. Fields that name another target than the one that was decided on go always: few trusted proxies replace a client's.
 * Spelled with anything else in place of `-` all of these are removed always, and so are fields that name a method or the length of
 * the body: by CGI's rules (RFC 3875 §4.1.18) applications read `X_Forwarded_For`, some even `X.Forwarded.For`, as the header that it
 * imitates. `Proxy` goes for what it becomes by them.
 */
export function stripForwardedHeaders(
  headers: Headers,
  received: Headers,
  peerTrusted: boolean,
): void {
  for (const name of received.keys()) {
    if (!CLAIM_LETTERS.has(name.charCodeAt(0))) {
      continue;
    }
    const spelledApart = /[^a-z0-9-]/.test(name);
    const folded = spelledApart ? name.replace(/[^a-z0-9-]/g, "-") : name;
    if (
      folded.startsWith("x-realmgate-") ||
      isTargetField(folded) ||
      (isForwarding(folded) && (spelledApart || !peerTrusted)) ||
      (spelledApart && (isMethodField(folded) || isFramingField(folded))) ||
      name === PROXY_FIELD
    ) {
      headers.delete(name);
    }
  }
}

/** With which the names begin that may be removed. */
const CLAIM_LETTERS: ReadonlySet<number> = new Set(
  [..."xfctp"].map((letter) => letter.charCodeAt(0)),
);

function isFramingField(name: string): boolean {
  return (FRAMING_FIELDS as readonly string[]).includes(name);
}

function isForwarding(name: string): boolean {
  return name.startsWith("x-forwarded-") || name === "forwarded" || name === "x-real-ip";
}
