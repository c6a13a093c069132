import type { CredentialLocation } from "../../policy/credential-location.ts";
import { isToken } from "../../policy/field-syntax.ts";
import { isMethodField, isTargetField } from "../routing/request-overrides.ts";
import { fieldKey } from "../snapshot/header-match.ts";

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

/** Fields of the connection and of framing that can be spelled apart: `Transfer_Encoding` frames the body to Unicorn and old Puma. */
export const IMITATED_FIELDS: readonly string[] = [
  ...HOP_BY_HOP_OF_REQUESTS,
  "content-length",
].filter((name) => name.includes("-"));

const IMITATED: ReadonlySet<string> = new Set(IMITATED_FIELDS);

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

/** Removes the fields of the connection on which the message arrived, and those that Connection names, save KEPT_FROM_CONNECTION, forwarding headers and these `sources`. */
export function removeHopByHop(
  headers: Headers,
  sources: readonly CredentialLocation[] = [],
): void {
  const connection = headers.get("connection");
  if (connection !== null) {
    for (const token of connection.split(",")) {
      const name = token.trim().toLowerCase();
      if (isToken(name) && !KEPT.has(name) && !isForwarding(name) && !isAt(sources, name)) {
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
 * Spelled with anything else in place of `-` all of these are removed always, and so are fields that name a method or belong to the
 * connection: by CGI's rules (RFC 3875 §4.1.18) applications read `X_Forwarded_For`, some even `X.Forwarded.For`, as the header that it imitates.
 */
export function stripForwardedHeaders(
  headers: Headers,
  received: Headers,
  peerTrusted: boolean,
): void {
  for (const name of received.keys()) {
    const spelledApart = /[^a-z0-9-]/.test(name);
    const folded = spelledApart ? name.replace(/[^a-z0-9-]/g, "-") : name;
    if (
      folded.startsWith("x-realmgate-") ||
      isTargetField(folded) ||
      (isForwarding(folded) && (spelledApart || !peerTrusted)) ||
      (spelledApart && (isMethodField(folded) || IMITATED.has(folded)))
    ) {
      headers.delete(name);
    }
  }
}

/** Removes the fields that programs read as one of these sources, though the gate did not: their names are spelled apart. */
export function removeImitations(
  headers: Headers,
  received: Headers,
  sources: readonly CredentialLocation[],
): void {
  const keys = sources.filter(({ kind }) => kind === "header").map(({ name }) => fieldKey(name));
  if (keys.length === 0) {
    return;
  }
  for (const name of received.keys()) {
    if (keys.includes(fieldKey(name)) && !isAt(sources, name)) {
      headers.delete(name);
    }
  }
}

function isAt(sources: readonly CredentialLocation[], field: string): boolean {
  return sources.some(({ kind, name }) => kind === "header" && name === field);
}

function isForwarding(name: string): boolean {
  return name.startsWith("x-forwarded-") || name === "forwarded" || name === "x-real-ip";
}
