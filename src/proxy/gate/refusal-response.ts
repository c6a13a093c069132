// How a refusal is written: status, headers and body, for any edge.
import { refillMs } from "./failure-budget.ts";
import { readableBy } from "./preflight.ts";
import {
  type Denial,
  REFUSAL_TEXTS,
  type Refusal,
  type RefusalReason,
  type RefusalText,
  textOf,
} from "./refusal.ts";
import { type NamedProgram, PAGE_POLICY, refusalPage } from "./refusal-page.ts";

/** What the response to a refused request depends on. */
export interface RefusedRequest {
  readonly requestId: string;
  /** The Accept field; null when absent. */
  readonly accept: string | null;
  /** Whether a body may still be arriving: the connection then ends with the response. */
  readonly hasBody: boolean;
  /** The Origin field where the document in force lets pages of other origins read refusals; null: none may. */
  readonly origin: string | null;
  /** What a page may call the program. Default: null. */
  readonly named?: NamedProgram;
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

/** A page loads nothing, and is what its type says. */
const PAGE_HEADERS = {
  "content-security-policy": PAGE_POLICY,
  "x-content-type-options": "nosniff",
} as const;

/** Made once for each text that is not of one request. */
class Made<Form> {
  readonly #forms = new Map<RefusalReason, Map<RefusalText, Form>>();

  of(reason: RefusalReason, text: RefusalText, make: () => Form): Form {
    const forms = this.#forms.get(reason) ?? new Map<RefusalText, Form>();
    this.#forms.set(reason, forms);
    const form = forms.get(text) ?? make();
    forms.set(text, form);
    return form;
  }
}

const JSONS = new Made<Uint8Array<ArrayBuffer>>();
const PAGES = new Made<readonly [string, string]>();

/**
 * The same bytes for the same reason, except for the request id. For HEAD the edge leaves out the body and keeps the headers.
 * Connection: close goes with a body that may still be arriving, so that it is not parsed as the next request.
 */
export function renderRefusal(
  { reason, denial, detail, location }: Refusal,
  { requestId, accept, hasBody, origin, named = null }: RefusedRequest,
): RenderedRefusal {
  const html = prefersHtml(accept);
  const text = textOf(reason, denial);
  // Where a credential would help, it is not said which rule refused.
  const said = text === REFUSAL_TEXTS[reason] ? reason : "not_granted";
  const headers: Record<string, string> = {
    "content-type": html ? "text/html; charset=utf-8" : "application/json; charset=utf-8",
    "cache-control": "no-store",
    "x-realmgate-request-id": requestId,
    ...(html ? PAGE_HEADERS : {}),
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
  const body = html
    ? pageOf(said, text, detail, named).join(requestId)
    : jsonOf(said, text, detail);
  return { status: text.status, headers, body };
}

function jsonOf(
  reason: RefusalReason,
  text: RefusalText,
  detail: string | null,
): Uint8Array<ArrayBuffer> {
  if (detail === null) return JSONS.of(reason, text, () => bytesOf(reason, text));
  return bytesOf(reason, { ...text, message: `${text.message}: ${detail}` });
}

function bytesOf(reason: RefusalReason, text: RefusalText): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(refusalJson(reason, text));
}

function pageOf(
  reason: RefusalReason,
  text: RefusalText,
  detail: string | null,
  named: NamedProgram,
): readonly [string, string] {
  const make = () => refusalPage(reason, text, detail, named);
  return detail === null && named === null ? PAGES.of(reason, text, make) : make();
}

/** The body of a refusal as JSON. */
export function refusalJson(
  reason: RefusalReason,
  { status, error, message }: RefusalText,
): string {
  return JSON.stringify({ statusCode: status, error, message, code: reason });
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
