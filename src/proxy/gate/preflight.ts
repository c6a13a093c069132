// CORS preflights (Fetch standard, §3.3.6 "CORS-preflight fetch"): browsers send them without credentials.
import { methodOverrides } from "../routing/request-overrides.ts";
import { queryOf } from "../routing/request-target.ts";
import type { RequestHead } from "./request-head.ts";

/**
 * OPTIONS with Origin and Access-Control-Request-Method, without a body or an upgrade. None that names another method: programs that
 * listen would carry that out, and no one has presented a credential for it.
 */
export function isPreflight({ method, headers, target, hasBody }: PreflightHead): boolean {
  return (
    method === "OPTIONS" &&
    isSent(headers.get("origin")) &&
    isSent(headers.get("access-control-request-method")) &&
    headers.get("upgrade") === null &&
    !hasBody &&
    methodOverrides(headers, target === null ? "" : queryOf(target)) === null
  );
}

type PreflightHead = Pick<RequestHead, "method" | "headers" | "target" | "hasBody">;

function isSent(field: string | null): boolean {
  return field !== null && field !== "";
}

/** `null`, or a scheme, a host and perhaps a port (RFC 6454 §7). */
const ORIGIN = /^(?:null|[a-z][a-z0-9+.-]{0,31}:\/\/[a-z0-9._:[\]-]{1,300})$/i;

/**
 * The header fields with which a page of this origin may read a response. Without Access-Control-Allow-Credentials: a page that
 * has a browser attach cookies learns nothing of what they open. Null for what is no origin.
 */
export function readableBy(origin: string): Readonly<Record<string, string>> | null {
  return ORIGIN.test(origin) ? { "access-control-allow-origin": origin } : null;
}
