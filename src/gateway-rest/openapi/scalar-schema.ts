// Scalar types and their field rules → JSON Schema.
import { type JsonObject, ScalarType } from "@bufbuild/protobuf";
import type { Rule } from "../../../proto/gen/realmgate/v1/options_pb.ts";

/** A scalar in protobuf's JSON mapping (64-bit numbers are strings), with the constraints of its rule. */
export function scalarSchema(type: ScalarType, rule?: Rule): JsonObject {
  switch (type) {
    case ScalarType.STRING:
      return { type: "string", ...(rule === undefined ? {} : textRule(rule)) };
    case ScalarType.BOOL:
      return { type: "boolean" };
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return { type: "number", ...(rule === undefined ? {} : numberRule(rule)) };
    case ScalarType.BYTES:
      return { type: "string", contentEncoding: "base64" };
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return { type: "integer", ...(rule === undefined ? {} : numberRule(rule)) };
    default:
      return { type: "string", pattern: "^-?[0-9]+$" };
  }
}

function textRule({ required, min, max, pattern, oneOf }: Rule): JsonObject {
  const mayBeEmpty = !required || pattern !== "" || oneOf.length > 0;
  const least = min ?? (mayBeEmpty ? undefined : 1);
  return {
    ...(least === undefined ? {} : { minLength: least }),
    ...(max === undefined ? {} : { maxLength: max }),
    ...(pattern === "" ? {} : { pattern }),
    ...(oneOf.length === 0 ? {} : { enum: oneOf }),
  };
}

function numberRule({ min, max }: Rule): JsonObject {
  return {
    ...(min === undefined ? {} : { minimum: min }),
    ...(max === undefined ? {} : { maximum: max }),
  };
}
