// How a refusal is written: status, headers and body, for any edge.
import { refillMs } from "./failure-budget.ts";
import { readableBy } from "./preflight.ts";
import {
  type Denial,
  REFUSAL_REASONS,
  REFUSAL_TEXTS,
  type Refusal,
  type RefusalReason,
  type RefusalText,
  textOf,
} from "./refusal.ts";

/** What the response to a refused request depends on. */
export interface RefusedRequest {
  readonly requestId: string;
  /** The Accept field; null when absent. */
  readonly accept: string | null;
  /** Whether a body may still be arriving: the connection then ends with the response. */
  readonly hasBody: boolean;
  /** The Origin field where the document in force lets pages of other origins read refusals; null: none may. */
  readonly origin: string | null;
}

/** A response as plain values. */
export interface RenderedRefusal {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer> | string;
}

/** Required by RFC 9110 §15.5.6 and §15.5.22 and by RFC 6455 §4.4; RFC 6585 §4. */
const HEADERS: { readonly [Reason in RefusalReason]?: Readonly<Record<string, string>> } = {
  method_not_allowed: { allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" },
  // The same for everybody: all failures are given back by then.
  too_many_failures: { "retry-after": String(refillMs / 1000) },
  curl_method: { allow: "GET, POST" },
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

/** Both forms of one refusal, made once. */
interface Forms {
  readonly status: number;
  readonly json: Uint8Array<ArrayBuffer>;
  /** The page before and after the request id. */
  readonly html: readonly [string, string];
}

const FORMS: ReadonlyMap<RefusalReason, Forms> = new Map(
  REFUSAL_REASONS.map((reason) => [reason, formsOf(reason, REFUSAL_TEXTS[reason])]),
);
const PROMPT_FORMS = formsOf(
  "not_granted",
  textOf("not_granted", { status: 401, challenge: null }),
);

/**
 * The same bytes for the same reason, except for the request id. For HEAD the edge leaves out the body and keeps the headers.
 * Connection: close goes with a body that may still be arriving, so that it is not parsed as the next request.
 */
export function renderRefusal(
  { reason, denial, detail, location }: Refusal,
  { requestId, accept, hasBody, origin }: RefusedRequest,
): RenderedRefusal {
  const forms = formsFor(reason, denial, detail);
  const html = prefersHtml(accept);
  const headers: Record<string, string> = {
    "content-type": html ? "text/html; charset=utf-8" : "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-realmgate-request-id": requestId,
    ...HEADERS[reason],
  };
  if (origin !== null) {
    Object.assign(headers, { vary: "Origin" }, readableBy(origin));
  }
  if (denial !== null && denial.challenge !== null) {
    headers["www-authenticate"] = CHALLENGES[denial.challenge];
  }
  if (location !== null) {
    headers.location = location;
  }
  if (hasBody) {
    headers.connection = headers.connection === undefined ? "close" : "close, upgrade";
  }
  return { status: forms.status, headers, body: html ? forms.html.join(requestId) : forms.json };
}

function formsFor(reason: RefusalReason, denial: Denial | null, detail: string | null): Forms {
  const text = textOf(reason, denial);
  if (detail !== null) {
    return formsOf(reason, { ...text, message: `${text.message}: ${detail}` });
  }
  const forms = text === REFUSAL_TEXTS[reason] ? FORMS.get(reason) : PROMPT_FORMS;
  if (forms === undefined) {
    throw new TypeError(`no text for ${reason}`);
  }
  return forms;
}

/** The body of a refusal as JSON. */
export function refusalJson(
  reason: RefusalReason,
  { status, error, message }: RefusalText,
): string {
  return JSON.stringify({ statusCode: status, error, message, code: reason });
}

function formsOf(reason: RefusalReason, text: RefusalText): Forms {
  const { status, error, message } = text;
  const title = `${status} ${error}`;
  return {
    status,
    json: new TextEncoder().encode(refusalJson(reason, text)),
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
