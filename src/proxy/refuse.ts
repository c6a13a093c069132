import type { DecisionReason } from "../policy/reason.ts";

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
  | "no_container"
  | "disabled"
  | "policy_error"
  | "stale"
  | "no_upstream"
  | "upgrade_unsupported"
  | "upstream_unreachable"
  | "upstream_timeout"
  | "internal_error";

/** What the refused request asked for, as far as the answer depends on it. */
export interface Refused {
  readonly requestId: string;
  readonly accept: string | null;
  /** Whether a body may still be on its way: the connection then ends with the answer. */
  readonly hasBody: boolean;
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
    message: "A request of this kind cannot carry a body",
  },
  unknown_host: { status: 404, error: "Not Found", message: "There is nothing at this address" },
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
  unauthenticated: AUTHENTICATE,
  not_granted: FORBIDDEN,
  denied: FORBIDDEN,
  upgrade_unsupported: {
    status: 501,
    error: "Not Implemented",
    message: "Upgrades are not supported here",
  },
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
  internal_error: {
    status: 500,
    error: "Internal Server Error",
    message: "The gate failed on this request",
  },
} as const satisfies Record<RefusalReason, Answer>;

/** The whole list. */
export const REFUSAL_REASONS = Object.keys(ANSWERS) as readonly RefusalReason[];

const CHALLENGES = {
  basic: 'Basic realm="realmgate", charset="UTF-8"',
  bearer: 'Bearer realm="realmgate"',
} as const satisfies Record<NonNullable<Denial["challenge"]>, string>;

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
  const isPrompt = reason === "not_granted" && denial?.status === 401;
  const answer = isPrompt ? NOT_GRANTED_401 : RENDERED.get(reason);
  if (answer === undefined) {
    throw new TypeError(`no answer for ${reason}`);
  }
  const html = prefersHtml(refused.accept);
  const headers: Record<string, string> = {
    "content-type": html ? "text/html; charset=utf-8" : "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-realmgate-request-id": refused.requestId,
  };
  if (denial?.challenge) {
    headers["www-authenticate"] = CHALLENGES[denial.challenge];
  }
  if (reason === "method_not_allowed") {
    headers.allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
  }
  if (refused.hasBody) {
    headers.connection = "close";
  }
  const body = html ? answer.html.join(refused.requestId) : answer.json;
  return new Response(body, { status: answer.status, headers });
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
