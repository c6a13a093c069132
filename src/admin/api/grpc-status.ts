// Failure → gRPC status with ErrorInfo, BadRequest and RetryInfo as details (google.rpc.Status).
import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { Metadata, StatusObject } from "@grpc/grpc-js";
import { type Failure, messageOf } from "../../../proto/call.ts";
import { refusalOf } from "../../../proto/errors.ts";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../../proto/gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../../proto/gen/google/rpc/status_pb.ts";

/** `google.rpc.ErrorInfo.domain`. */
const errorDomain = "realmgate";

/** The status of a failure; its details are added to the metadata. */
export function statusOf(failure: Failure, metadata: Metadata): StatusObject {
  const row = refusalOf(failure.code);
  const message = messageOf(failure);
  const info = { reason: row.code, domain: errorDomain, metadata: { ...failure.metadata } };
  const details = [anyPack(ErrorInfoSchema, create(ErrorInfoSchema, info))];
  if (failure.violations.length > 0) {
    const fieldViolations = failure.violations.map(({ instancePath, message }) => ({
      field: instancePath,
      description: message,
    }));
    details.push(anyPack(BadRequestSchema, create(BadRequestSchema, { fieldViolations })));
  }
  if (failure.retryAfterS !== null) {
    const retryDelay = { seconds: BigInt(failure.retryAfterS) };
    details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  const packed = create(StatusSchema, { code: row.grpc, message, details });
  metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, packed)));
  return { code: row.grpc as number, details: message, metadata };
}
