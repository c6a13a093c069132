import type { DecisionReason } from "../../policy/reason.ts";

/**
 * Every reason that ends a request here. Those of the policy come from its document; the others from the edge: what is no
 * request for us, what has no container that is on, and what happens to an allowed request.
 */
export type RefusalReason =
  | Exclude<DecisionReason, "granted" | "default_allow">
  | "bad_request"
  | "method_not_allowed"
  | "bad_host"
  | "unknown_host"
  | "misdirected"
  | "https_required"
  | "no_container"
  | "disabled"
  | "policy_error"
  | "stale"
  | "no_upstream"
  | "overloaded"
  | "cut_off"
  | "too_many_failures"
  | "bad_upgrade"
  | "websocket_version"
  | "upgrade_required"
  | "upstream_unreachable"
  | "upstream_timeout"
  | "answer_too_large"
  | "curl_bad_call"
  | "curl_url"
  | "curl_redirect"
  | "curl_redirects"
  | "curl_nested"
  | "curl_embedded"
  | "curl_no_route"
  | "curl_method"
  | "curl_call_too_large"
  | "curl_busy"
  | "curl_timeout"
  | "hook_failed"
  | "hook_timeout"
  | "internal_error";

/** What the policy adds to a refusal of its own. */
export interface Denial {
  readonly status: 401 | 403;
  readonly challenge: "basic" | "bearer" | null;
}

/** A request that ends here, and why. */
export interface Refusal {
  readonly kind: "refused";
  readonly reason: RefusalReason;
  /** Set for refusals of the policy. */
  readonly denial: Denial | null;
  /** Appended to the message; never text of the request itself. Null: nothing. */
  readonly detail: string | null;
  /** Where to ask instead, an absolute URL; null: nowhere. */
  readonly location: string | null;
}

export function refusal(
  reason: RefusalReason,
  denial: Denial | null = null,
  detail: string | null = null,
): Refusal {
  return { kind: "refused", reason, denial, detail, location: null };
}

/** Sends the client to the same resource over HTTPS. */
export function httpsRequired(location: string): Refusal {
  return { kind: "refused", reason: "https_required", denial: null, detail: null, location };
}

/** What a client reads of a refusal. */
export interface RefusalText {
  readonly status: number;
  /** Name of the status (RFC 9110 §15). */
  readonly error: string;
  readonly message: string;
}

const UNAVAILABLE = { status: 503, error: "Service Unavailable" } as const;
const UPGRADE_REQUIRED = { status: 426, error: "Upgrade Required" } as const;
const AUTHENTICATE = {
  status: 401,
  error: "Unauthorized",
  message: "Authentication is required",
} as const;
const FORBIDDEN = { status: 403, error: "Forbidden", message: "Access is denied" } as const;

/** The only table from reasons to status and text. No text says which groups, containers or documents exist. */
export const REFUSAL_TEXTS = {
  bad_host: { status: 400, error: "Bad Request", message: "The Host header is malformed" },
  bad_request: {
    status: 400,
    error: "Bad Request",
    message: "The request is malformed, or of a kind that carries no body here",
  },
  unknown_host: { status: 404, error: "Not Found", message: "There is nothing at this address" },
  misdirected: {
    status: 421,
    error: "Misdirected Request",
    message: "The certificate of this connection is not for this host",
  },
  https_required: {
    status: 308,
    error: "Permanent Redirect",
    message: "This address is served over HTTPS",
  },
  method_not_allowed: {
    status: 405,
    error: "Method Not Allowed",
    message: "The method is not allowed here",
  },
  no_container: { ...UNAVAILABLE, message: "The container is not available" },
  disabled: { ...UNAVAILABLE, message: "Access is switched off" },
  policy_error: { ...UNAVAILABLE, message: "The permission document cannot be applied" },
  stale: { ...UNAVAILABLE, message: "The gate cannot tell whether access is still allowed" },
  no_upstream: { ...UNAVAILABLE, message: "The program is not available in this container" },
  overloaded: { ...UNAVAILABLE, message: "Too many concurrent requests" },
  cut_off: { ...UNAVAILABLE, message: "The connection was ended" },
  too_many_failures: {
    status: 429,
    error: "Too Many Requests",
    message: "Too many wrong credentials were presented from this network",
  },
  unauthenticated: AUTHENTICATE,
  not_granted: FORBIDDEN,
  denied: FORBIDDEN,
  bad_upgrade: {
    status: 400,
    error: "Bad Request",
    message: "The WebSocket handshake is malformed",
  },
  websocket_version: {
    ...UPGRADE_REQUIRED,
    message: "Only version 13 of the WebSocket protocol is spoken here",
  },
  upgrade_required: { ...UPGRADE_REQUIRED, message: "Only WebSockets lead to this program" },
  upstream_unreachable: {
    status: 502,
    error: "Bad Gateway",
    message: "The program did not answer properly",
  },
  upstream_timeout: {
    status: 504,
    error: "Gateway Timeout",
    message: "The program did not answer in time",
  },
  answer_too_large: {
    status: 502,
    error: "Bad Gateway",
    message: "The response is too large for a JSON answer",
  },
  curl_bad_call: { status: 400, error: "Bad Request", message: "The call cannot be made as given" },
  curl_url: {
    status: 403,
    error: "Forbidden",
    message: "The url is not one of this gate",
  },
  curl_redirect: {
    status: 403,
    error: "Forbidden",
    message: "The redirect leads away from this gate",
  },
  curl_redirects: {
    status: 502,
    error: "Bad Gateway",
    message: "There were too many redirects",
  },
  curl_nested: { status: 403, error: "Forbidden", message: "A call cannot call the curl program" },
  curl_embedded: {
    status: 403,
    error: "Forbidden",
    message: "A call can be opened, but not embedded or fetched by a page",
  },
  curl_no_route: {
    status: 404,
    error: "Not Found",
    message: "The curl program answers at /proxy and /api/v1/curl/request",
  },
  curl_method: { status: 405, error: "Method Not Allowed", message: "A call is a GET or a POST" },
  curl_call_too_large: {
    status: 413,
    error: "Content Too Large",
    message: "The call is too large",
  },
  curl_busy: { ...UNAVAILABLE, message: "Too many calls are being made; try again" },
  curl_timeout: {
    status: 504,
    error: "Gateway Timeout",
    message: "The call was not answered in its time",
  },
  hook_failed: {
    status: 502,
    error: "Bad Gateway",
    message: "The script of a hook did not answer properly",
  },
  hook_timeout: {
    status: 504,
    error: "Gateway Timeout",
    message: "The script of a hook did not answer in time",
  },
  internal_error: {
    status: 500,
    error: "Internal Server Error",
    message: "The gate failed on this request",
  },
} as const satisfies Record<RefusalReason, RefusalText>;

/** The whole list. */
export const REFUSAL_REASONS = Object.keys(REFUSAL_TEXTS) as readonly RefusalReason[];

/** What a client reads. Row 6 of the README's table (One request): 401 where a credential would help. */
export function textOf(reason: RefusalReason, denial?: Denial | null): RefusalText {
  return denial?.status === 401 ? AUTHENTICATE : REFUSAL_TEXTS[reason];
}

/** The status that a refusal is answered with. */
export function statusOf(reason: RefusalReason, denial?: Denial | null): number {
  return textOf(reason, denial).status;
}
