// What a call can end in besides an answer: the server said no (ApiError), or nobody answered (NetworkError).

import type { ErrorCode } from "./gen/error-codes.ts";

/** A machine code of this API, or what stands in for one: of a newer server, of something else that answered. */
export type ApiErrorCode = ErrorCode | (string & {});

/** One field that does not fit, as the server tells it: a JSON pointer (RFC 6901) and what is wrong there. */
export interface Violation {
  readonly instancePath: string;
  readonly message: string;
}

export interface ApiErrorFields {
  readonly statusCode: number;
  readonly code: ApiErrorCode;
  readonly message: string;
  readonly data?: unknown;
  readonly method: string;
  readonly path: string;
  readonly requestId?: string | null;
  readonly retryAfterS?: number | null;
}

/** The server's refusal. `code` is the machine code to branch on; it never carries what was sent. */
export class ApiError extends Error {
  /** HTTP status. */
  readonly statusCode: number;
  /** Machine code such as `PRECONDITION_FAILED`; `HTTP_<status>` when what answered is not this API. */
  readonly code: ApiErrorCode;
  /** What the server adds: the violations of a VALIDATION_ERROR, else null. */
  readonly data: unknown;
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  /** Names this call in the server's log; null when the answer named none. */
  readonly requestId: string | null;
  /** Seconds after which the same call may go better; null when the server named none. */
  readonly retryAfterS: number | null;

  constructor(fields: ApiErrorFields) {
    super(fields.message);
    this.name = "ApiError";
    this.statusCode = fields.statusCode;
    this.code = fields.code;
    this.data = fields.data ?? null;
    this.method = fields.method;
    this.path = fields.path;
    this.requestId = fields.requestId ?? null;
    this.retryAfterS = fields.retryAfterS ?? null;
  }

  /** The fields that do not fit; empty when the refusal is about something else. */
  get violations(): readonly Violation[] {
    return Array.isArray(this.data) ? this.data.filter(isViolation) : [];
  }
}

function isViolation(item: unknown): item is Violation {
  return typeof item === "object" && item !== null && "instancePath" in item && "message" in item;
}

/**
 * Why nobody answered. `dns`: no such host; `refused`: nothing listens there; `certificate`: TLS did not verify;
 * `timeout`: nothing within `timeoutMs`; `aborted`: the caller's signal; `other`: the connection broke, or worse.
 */
export type NetworkErrorKind = "dns" | "refused" | "certificate" | "timeout" | "aborted" | "other";

/** No answer. `message` is one line that names the host, never what was sent. */
export class NetworkError extends Error {
  readonly kind: NetworkErrorKind;
  /** Scheme, host and port that were called. */
  readonly origin: string;

  constructor(kind: NetworkErrorKind, origin: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "NetworkError";
    this.kind = kind;
    this.origin = origin;
  }
}
