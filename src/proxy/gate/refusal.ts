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
  | "no_container"
  | "disabled"
  | "policy_error"
  | "stale"
  | "no_upstream"
  | "overloaded"
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

/** What the refused request asked for, as far as the answer depends on it. */
export interface Refused {
  readonly requestId: string;
  readonly accept: string | null;
  /** Whether a body may still be on its way: the connection then ends with the answer. */
  readonly hasBody: boolean;
  /** Said after the message; never what the request itself said. */
  readonly detail?: string | null;
}

/** What the policy adds to a refusal of its own. */
export interface Denial {
  readonly status: 401 | 403;
  readonly challenge: "basic" | "bearer" | null;
}

interface Answer {
  readonly status: number;
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

/** The only table from reasons to answers. None says which groups, containers or documents exist. */
const ANSWERS = {
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
  overloaded: { ...UNAVAILABLE, message: "Too much is going on here already" },
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
    message: "The answer is too large to be told as JSON",
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
    message: "The answer leads away from this gate",
  },
  curl_redirects: {
    status: 502,
    error: "Bad Gateway",
    message: "The answer leads from one place to the next",
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
} as const satisfies Record<RefusalReason, Answer>;

/** The whole list. */
export const REFUSAL_REASONS = Object.keys(ANSWERS) as readonly RefusalReason[];

/** What RFC 9110 §15.5.6 and §15.5.22 and RFC 6455 §4.4 ask for besides. */
const HEADERS: { readonly [Reason in RefusalReason]?: Readonly<Record<string, string>> } = {
  method_not_allowed: { allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" },
  upgrade_required: { upgrade: "websocket", connection: "upgrade" },
  websocket_version: {
    upgrade: "websocket",
    connection: "upgrade",
    "sec-websocket-version": "13",
  },
};

const CHALLENGES = {
  basic: 'Basic realm="realmgate", charset="UTF-8"',
  bearer: 'Bearer realm="realmgate"',
} as const satisfies Record<NonNullable<Denial["challenge"]>, string>;

/** RFC 9110 §10.2.1. */
const ALLOW: ReadonlyMap<RefusalReason, string> = new Map([
  ["method_not_allowed", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"],
  ["curl_method", "GET, POST"],
]);

interface Rendered {
  readonly status: number;
  readonly json: Uint8Array<ArrayBuffer>;
  /** The page before and after the request id. */
  readonly html: readonly [string, string];
}

const RENDERED: ReadonlyMap<RefusalReason, Rendered> = new Map(
  Object.entries(ANSWERS).map(([reason, answer]) => [
    reason as RefusalReason,
    rendered(reason, answer),
  ]),
);
/** Row 6 of the README's table (One request) answers 401 where a credential would help. */
const NOT_GRANTED_401 = rendered("not_granted", AUTHENTICATE);

/** The status of such a refusal. */
export function statusOf(reason: RefusalReason, denial?: Denial): number {
  return denial?.status ?? ANSWERS[reason].status;
}

/** Same bytes for the same reason, except for the request id. A HEAD request gets the head of it from the runtime. */
export function refuse(reason: RefusalReason, refused: Refused, denial?: Denial): Response {
  const answer = answerTo(reason, refused.detail ?? null, denial);
  if (answer === undefined) {
    throw new TypeError(`no answer for ${reason}`);
  }
  const html = prefersHtml(refused.accept);
  const headers: Record<string, string> = {
    "content-type": html ? "text/html; charset=utf-8" : "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-realmgate-request-id": refused.requestId,
    ...HEADERS[reason],
  };
  if (denial?.challenge) {
    headers["www-authenticate"] = CHALLENGES[denial.challenge];
  }
  const allow = ALLOW.get(reason);
  if (allow !== undefined) {
    headers.allow = allow;
  }
  if (refused.hasBody) {
    headers.connection = headers.connection === undefined ? "close" : "close, upgrade";
  }
  const body = html ? answer.html.join(refused.requestId) : answer.json;
  return new Response(body, { status: answer.status, headers });
}

function answerTo(
  reason: RefusalReason,
  detail: string | null,
  denial: Denial | undefined,
): Rendered | undefined {
  if (detail !== null) {
    const { status, error, message } = ANSWERS[reason];
    return rendered(reason, { status, error, message: `${message}: ${detail}` });
  }
  const isPrompt = reason === "not_granted" && denial?.status === 401;
  return isPrompt ? NOT_GRANTED_401 : RENDERED.get(reason);
}

function rendered(reason: string, { status, error, message }: Answer): Rendered {
  const json = JSON.stringify({ statusCode: status, error, message, code: reason });
  const title = `${status} ${error}`;
  return {
    status,
    json: new TextEncoder().encode(json),
    html: [
      `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>` +
        `<h1>${title}</h1><p>${message}.</p><p>Request <code>`,
      "</code></p></html>\n",
    ],
  };
}

/** Whether `text/html` is named with a greater weight than JSON gets (RFC 9110 §12.5.1). */
export function prefersHtml(accept: string | null): boolean {
  if (accept === null || !accept.includes("text/html")) {
    return false;
  }
  let html = 0;
  let json = 0;
  let jsonSpecificity = 0;
  for (const part of accept.split(",")) {
    const [range = "", ...parameters] = part.split(";");
    const type = range.trim().toLowerCase();
    const weight = quality(parameters);
    if (type === "text/html") {
      html = weight;
    }
    const specificity = JSON_RANGES.indexOf(type) + 1;
    if (specificity > jsonSpecificity) {
      json = weight;
      jsonSpecificity = specificity;
    }
  }
  return html > json;
}

/** From the least to the most specific. */
const JSON_RANGES = ["*/*", "application/*", "application/json"];

function quality(parameters: readonly string[]): number {
  const q = parameters.map((text) => text.trim()).find((text) => /^q=/i.test(text));
  const weight = q === undefined ? 1 : Number(q.slice(2));
  return weight >= 0 && weight <= 1 ? weight : 0;
}
