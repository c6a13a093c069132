// What a transport hands to dispatch, and what comes back: the contract in TypeScript's words.
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { refusalOf } from "./errors.ts";
import type { ErrorCode } from "./gen/realmgate/v1/errors_pb.ts";

/** One call as its transport saw it. Nothing in it has been verified. */
export interface Call {
  readonly method: DescMethod;
  /** The `Authorization` value, or null. */
  readonly credential: string | null;
  /** REST `Host` or gRPC `:authority`, or null. */
  readonly authority: string | null;
  /** gRPC metadata `x-realm-id`, or null. */
  readonly realmId: string | null;
  /** Only what carries this realm: REST query `realm_id` or gRPC metadata `x-realm-filter`, or null. */
  readonly realmFilter: string | null;
  /** The `If-Match` value, or null. It is never read from a message. */
  readonly ifMatch: string | null;
  /** Where the call came from: an IP address. */
  readonly clientAddress: string;
  /** Names the call in answers and logs. */
  readonly requestId: string;
  /** Reads the request message; called only after the caller is known. Throws ApiError when it has the wrong shape. */
  readonly message: () => Message | Promise<Message>;
}

/** One thing wrong with a message. */
export interface Violation {
  /** JSON pointer to the field (RFC 6901), `/groups/office/range`. */
  readonly instancePath: string;
  /** What is wrong, as the rest of a sentence that begins with the field. */
  readonly message: string;
}

/** A name as one step of a JSON pointer (RFC 6901 §3). */
export function pointerStep(name: string): string {
  return `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** What of a refusal clients read by name: REST `data` in place of the violations, gRPC `ErrorInfo.metadata`. */
export type ErrorMetadata = Readonly<Record<string, string>>;

/** A call that was carried out. */
export interface Success {
  readonly ok: true;
  readonly message: Message;
  /** Opaque token of the revision that this write made; null for reads. */
  readonly revision: string | null;
  /** Entity tag of the document answered with (`file:v<N>`), or null. */
  readonly etag: string | null;
  /** The write was only tried: nothing is stored. */
  readonly dryRun: boolean;
}

/** A call that was not carried out, and why. */
export interface Failure {
  readonly ok: false;
  readonly code: ErrorCode;
  readonly violations: readonly Violation[];
  /** Seconds until the same call may go better; null when waiting does not help. */
  readonly retryAfterS: number | null;
  /** Only where the contract names them. */
  readonly metadata?: ErrorMetadata;
}

export type Reply = Success | Failure;

/** The one way into the control plane, whatever the transport. Never throws. */
export type Dispatch = (call: Call) => Promise<Reply>;

/** Thrown below dispatch to refuse a call; caught in dispatch and nowhere else. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly violations: readonly Violation[];
  readonly retryAfterS: number | null;
  readonly metadata: ErrorMetadata;

  constructor(
    code: ErrorCode,
    violations: readonly Violation[] = [],
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
 * The text for people. Clients match on the documented one; a wrong shape also names its first field, and a limit says how
 * much of it is used (metadata `used` and `limit`).
 */
export function messageOf(failure: Pick<Failure, "code" | "violations" | "metadata">): string {
  const { message, code } = refusalOf(failure.code);
  const { used, limit } = failure.metadata ?? {};
  if (used !== undefined && limit !== undefined) return `${message} (${used}/${limit})`;
  const first = failure.violations[0];
  if (code !== "VALIDATION_ERROR" || first === undefined) return message;
  return `${message}: ${first.instancePath || "/"} ${first.message}`;
}
