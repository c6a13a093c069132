// Errors of a call: the server refused (ApiError), or there was no answer (NetworkError).

import type { ErrorCode } from "./gen/error-codes.ts";

/** A machine code of this API, of a newer server, or a substitute when something else answered. */
export type ApiErrorCode = ErrorCode | (string & {});

/** One invalid field: a JSON pointer (RFC 6901) and what is wrong with it. */
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

/** The server's refusal. `code` is the machine code to branch on. It never contains what was sent. */
export class ApiError extends Error {
  /** HTTP status. */
  readonly statusCode: number;
  /** Machine code such as `PRECONDITION_FAILED`; `HTTP_<status>` when the peer is not this API. */
  readonly code: ApiErrorCode;
  /** Further data: the violations of a VALIDATION_ERROR, else null. */
  readonly data: unknown;
  readonly method: string;
  /** Path without the query. */
  readonly path: string;
  /** Identifies this call in the server's log; null: absent. */
  readonly requestId: string | null;
  /** Seconds to wait before a retry; null: absent. */
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

  /** Invalid fields; empty when the refusal has another reason. */
  get violations(): readonly Violation[] {
    return Array.isArray(this.data) ? this.data.filter(isViolation) : [];
  }
}

function isViolation(item: unknown): item is Violation {
  return typeof item === "object" && item !== null && "instancePath" in item && "message" in item;
}

/**
 * Why there was no answer. `dns`: no such host; `refused`: nothing listens there; `certificate`: TLS did not verify;
 * `timeout`: nothing within `timeoutMs`; `aborted`: the caller's signal; `other`: anything else, such as a broken connection.
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
