// A failed gRPC call: the status, and the machine code from its details.
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import type { Metadata } from "@grpc/grpc-js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../proto/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../proto/gen/google/rpc/status_pb.ts";
import type { ApiErrorCode, Violation } from "./errors.ts";

/** The error of a failed call. It never contains what was sent. */
export class GrpcError extends Error {
  /** gRPC status number; 14 UNAVAILABLE and 4 DEADLINE_EXCEEDED can occur without an answer of the server. */
  readonly status: number;
  /** `ErrorInfo.reason`, such as `PRECONDITION_FAILED`; empty when the peer is not this API. */
  readonly code: ApiErrorCode;
  /** Invalid fields. */
  readonly violations: readonly Violation[];
  /** `ErrorInfo.metadata`: details of the code, such as the field and the value of ALIAS_IN_USE. */
  readonly facts: Readonly<Record<string, string>>;
  /** Identifies this call in the server's log; null: absent. */
  readonly requestId: string | null;
  /** Seconds to wait before a retry; null: absent. */
  readonly retryAfterS: number | null;

  constructor(status: number, message: string, trailers: Metadata) {
    super(unanswered(message));
    this.name = "GrpcError";
    this.status = status;
    const details = detailsOf(trailers);
    const infos = details.flatMap((any) => anyUnpack(any, ErrorInfoSchema) ?? []);
    const bad = details.flatMap((any) => anyUnpack(any, BadRequestSchema)?.fieldViolations ?? []);
    const retries = details.flatMap((any) => anyUnpack(any, RetryInfoSchema)?.retryDelay ?? []);
    this.code = infos[0]?.reason ?? "";
    this.facts = infos[0]?.metadata ?? {};
    this.violations = bad.map(({ field, description }) => ({
      instancePath: field,
      message: description,
    }));
    this.requestId = textOf(trailers, "x-request-id");
    this.retryAfterS = retries[0] === undefined ? null : Number(retries[0].seconds);
  }
}

/** Strips framing and timestamps from grpc-js's message about an unreachable server. */
function unanswered(message: string): string {
  const [, why] =
    /^No connection established\. Last error: (.*?)(?: \([^()]*Z\))?\. Resolution note: .*$/s.exec(
      message,
    ) ?? [];
  return why === undefined ? message : `no connection: ${why.replace(/^Error: /, "")}`;
}

/** One text value of the trailers; null: absent. */
export function textOf(trailers: Metadata, key: string): string | null {
  const [value] = trailers.get(key);
  return typeof value === "string" ? value : null;
}

function detailsOf(trailers: Metadata) {
  const [packed] = trailers.get("grpc-status-details-bin");
  if (!(packed instanceof Uint8Array)) return [];
  return fromBinary(StatusSchema, new Uint8Array(packed)).details;
}
