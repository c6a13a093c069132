// The response of the curl program, as JSON or as the upstream sent it.
import { removeHopByHop } from "../upstream/header-rules.ts";

/** What the caller learns besides the response itself. */
export interface CurlRecord {
  readonly requestId: string;
  /** The last URL requested; null: the caller did not say it. */
  readonly url: string | null;
  readonly method: string;
  readonly redirects: number;
  readonly totalMs: number;
}

/**
 * Set on every response. Links carry credentials, so their address must reach no Referer and no cache; their content is foreign,
 * so no script of it may run here, where it could make calls in the reader's name.
 */
const GUARDS = {
  "cache-control": "no-store",
  "content-security-policy": "sandbox",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
} as const;

/** Instruct a browser about the host that sent them, which is not this one, or ask for credentials that would not reach it. */
const OF_ITS_HOST = [
  "set-cookie",
  "www-authenticate",
  "clear-site-data",
  "strict-transport-security",
  "public-key-pins",
  "service-worker-allowed",
  "alt-svc",
  "nel",
  "report-to",
  "reporting-endpoints",
  "origin-agent-cluster",
  "refresh",
  "link",
  "accept-ch",
  "critical-ch",
  "access-control-allow-origin",
  "access-control-allow-credentials",
] as const;

/** The response as received, streamed, without header fields that belong to another host. `method`: of the request to it. */
export function transparentAnswer(answer: Response, method: string, requestId: string): Response {
  const headers = new Headers(answer.headers);
  removeHopByHop(headers);
  // The call was no HEAD, so its client would wait for a body of that length.
  if (method === "HEAD") headers.delete("content-length");
  for (const name of OF_ITS_HOST) {
    headers.delete(name);
  }
  guard(headers, requestId);
  return new Response(answer.body, { status: answer.status, headers });
}

/** The whole response, whose body is `bytes`, as one JSON object; a body that is not UTF-8 is in base64. */
export function jsonAnswer(answer: Response, bytes: Uint8Array, record: CurlRecord): Response {
  const text = utf8(bytes);
  const { requestId, url, method, redirects, totalMs } = record;
  const own = new Headers(answer.headers);
  removeHopByHop(own);
  own.delete("set-cookie");
  const response = Response.json({
    success: true,
    job_id: requestId,
    status_code: answer.status,
    headers: Object.fromEntries(own),
    body: text ?? Buffer.from(bytes).toString("base64"),
    is_binary: text === null,
    timing: { total_ms: Math.round(totalMs) },
    metadata: { url, method, redirects },
  });
  guard(response.headers, requestId);
  return response;
}

function guard(headers: Headers, requestId: string): void {
  for (const [name, value] of Object.entries(GUARDS)) {
    headers.set(name, value);
  }
  headers.set("x-realmgate-request-id", requestId);
}

const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Uint8Array): string | null {
  try {
    return UTF_8.decode(bytes);
  } catch {
    return null;
  }
}
