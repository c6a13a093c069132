// Requests over plain HTTP that belong on the HTTPS listener.
import { type HostName, hostName } from "../routing/host.ts";
import type { RequestTarget } from "../routing/request-target.ts";
import type { TrustedProxies } from "./client-address.ts";
import type { RequestHead } from "./request-head.ts";

const HTTPS_PORT = 443;

/**
 * What authorities ask for over plain HTTP when a container requests a certificate of its own (RFC 8555 §8.3): one file, whose
 * name has the alphabet of base64url, and which is no secret.
 */
const ACME_CHALLENGE = /^\/\.well-known\/acme-challenge\/[A-Za-z0-9_-]+$/;

/**
 * The same URL over HTTPS at this port; null: the request stays. Only for hosts of this server, so that nobody is sent elsewhere, and
 * not for what came over HTTPS as far as a trusted proxy, which would be sent in a circle. Requests of the gate itself have no connection.
 */
export function httpsLocation(
  { listener, onBehalfOf, host, method, peer, headers }: RequestHead,
  parsed: HostName,
  target: RequestTarget,
  trusted: TrustedProxies,
  port: number | null,
): string | null {
  if (port === null || listener.scheme === "https" || onBehalfOf !== null) return null;
  const name = host === null || parsed.kind === "refused" ? null : hostName(host);
  if (name === null) return null;
  if ((method === "GET" || method === "HEAD") && ACME_CHALLENGE.test(target)) return null;
  const isSecureBefore = headers.get("x-forwarded-proto")?.trim().toLowerCase() === "https";
  if (isSecureBefore && trusted.trusts(peer)) return null;
  const authority = port === HTTPS_PORT ? name : `${name}:${port}`;
  return `https://${authority}${asciiOnly(target)}`;
}

/** Bytes beyond ASCII, which a URL may not have (RFC 3986 §2), percent-encoded. */
function asciiOnly(target: string): string {
  return target.replace(/[^!-~]/g, (character) =>
    [...Buffer.from(character, "latin1")].map(percentEncoded).join(""),
  );
}

function percentEncoded(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
