// The interface between transports and dispatch: Call in, Reply out.
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { refusalOf } from "./errors.ts";
import type { ErrorCode } from "./gen/realmgate/v1/errors_pb.ts";

/** One call as its transport received it. Nothing in it is verified. */
export interface Call {
  readonly method: DescMethod;
  /** The `Authorization` value, or null. */
  readonly credential: string | null;
  /** REST `Host` or gRPC `:authority`, or null. */
  readonly authority: string | null;
  /** gRPC metadata `x-realm-id`, or null. */
  readonly realmId: string | null;
  /** Limits the call to resources in this realm: REST query `realm_id` or gRPC metadata `x-realm-filter`, or null. */
  readonly realmFilter: string | null;
  /** The `If-Match` value, or null. Never read from a message. */
  readonly ifMatch: string | null;
  /** IP address of the client. */
  readonly clientAddress: string;
  /** Identifies the call in answers and logs. */
  readonly requestId: string;
  /** Reading the message takes a body; unset: it may. */
  readonly hasBody?: boolean;
  /** A gateway asks whether it may read the message: the call ends, and succeeds, where it would be read. Unset: false. */
  readonly identifiesOnly?: boolean;
  /**
   * Reads the request message; called only after authentication. Throws ApiError when the message has the wrong shape.
   * `measure` runs what takes time at once, once the bytes are there, and charges it to the caller.
   */
  readonly message: (measure: Measure) => Message | Promise<Message>;
}

/** Runs work and charges its time to whoever caused it. Throws ApiError RATE_LIMITED when that was too much. */
export type Measure = <Result>(work: () => Result) => Result;

/** One invalid field of a message. */
export interface FieldViolation {
  /** JSON pointer to the field (RFC 6901), `/groups/office/range`. */
  readonly instancePath: string;
  /** The problem, as the rest of a sentence that starts with the field: `must be string`. */
  readonly message: string;
}

/** Machine-readable details of an error: REST `data` in place of the violations, gRPC `ErrorInfo.metadata`. */
export type ErrorMetadata = Readonly<Record<string, string>>;

/** Reply to a call that succeeded. */
export interface Success {
  readonly ok: true;
  readonly message: Message;
  /** Opaque token of the revision that the write created; null for reads. */
  readonly revision: string | null;
  /** Entity tag of the returned document (`file:v<N>`), or null. */
  readonly etag: string | null;
  /** The write was validated only; nothing is stored. */
  readonly dryRun: boolean;
}

/** Reply to a call that failed or was refused. */
export interface Failure {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly violations: readonly FieldViolation[];
  /** Seconds until a retry may succeed; null when waiting does not help. */
  readonly retryAfterS: number | null;
  /** Only for codes whose metadata the contract defines. */
  readonly metadata?: ErrorMetadata;
}

export type Reply = Success | Failure;

/** Entry point of the control plane for every transport. Never rejects. */
export type Dispatch = (call: Call) => Promise<Reply>;

/** Thrown below dispatch to refuse a call; only dispatch catches it. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly violations: readonly FieldViolation[];
  readonly retryAfterS: number | null;
  readonly metadata: ErrorMetadata;

  constructor(
    code: ErrorCode,
    violations: readonly FieldViolation[] = [],
    retryAfterS: number | null = null,
    metadata: ErrorMetadata = {},
  ) {
    super(messageOf({ code, violations, metadata }));
    this.name = "ApiError";
    this.code = code;
    this.violations = violations;
    this.retryAfterS = retryAfterS;
    this.metadata = metadata;
  }
}

/**
 * The human-readable message of a failure: the documented text of its code. VALIDATION_ERROR adds the first violation; limits
 * add their usage (metadata `used` and `limit`), insufficient permissions what is missing (`needs`).
 */
export function messageOf(failure: Pick<Failure, "code" | "violations" | "metadata">): string {
  const { message, code } = refusalOf(failure.code);
  const { used, limit, needs } = failure.metadata ?? {};
  if (used !== undefined && limit !== undefined) return `${message} (${used}/${limit})`;
  if (needs !== undefined) return `${message}: this needs ${needs}`;
  const first = failure.violations[0];
  if (code !== "VALIDATION_ERROR" || first === undefined) return message;
  return `${message}: ${first.instancePath || "/"} ${first.message}`;
}
