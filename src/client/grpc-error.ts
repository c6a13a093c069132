// A gRPC call that was refused: the status, and the machine code that its details carry.
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

/** What a call ends in besides an answer. It never carries what was sent. */
export class GrpcError extends Error {
  /** gRPC status number; 14 UNAVAILABLE and 4 DEADLINE_EXCEEDED may come without an answer of the server. */
  readonly status: number;
  /** `ErrorInfo.reason`, such as `PRECONDITION_FAILED`; empty when what answered is not this API. */
  readonly code: ApiErrorCode;
  /** The fields that do not fit. */
  readonly violations: readonly Violation[];
  /** `ErrorInfo.metadata`: what else the code says, such as the field and the value of ALIAS_IN_USE. */
  readonly facts: Readonly<Record<string, string>>;
  /** Names this call in the server's log; null when the answer named none. */
  readonly requestId: string | null;
  /** Seconds after which the same call may go better; null when the server named none. */
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

/** What grpc-js says of a server that is not there, without its frame and its clock. */
function unanswered(message: string): string {
  const [, why] =
    /^No connection established\. Last error: (.*?)(?: \([^()]*Z\))?\. Resolution note: .*$/s.exec(
      message,
    ) ?? [];
  return why === undefined ? message : `no connection: ${why.replace(/^Error: /, "")}`;
}

/** One text of the trailers. */
export function textOf(trailers: Metadata, key: string): string | null {
  const [value] = trailers.get(key);
  return typeof value === "string" ? value : null;
}

function detailsOf(trailers: Metadata) {
  const [packed] = trailers.get("grpc-status-details-bin");
  if (!(packed instanceof Uint8Array)) return [];
  return fromBinary(StatusSchema, new Uint8Array(packed)).details;
}
