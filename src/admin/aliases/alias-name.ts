// Alias names. An alias is the first label of a host and must never parse as another kind of host.
import { randomBytes } from "node:crypto";
import type { Value } from "@bufbuild/protobuf/wkt";
import { ApiError, type ErrorMetadata } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";

const charactersMin = 3;
const charactersMax = 61;
const grammar = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;

/** The label of the containers' parent domain. */
const reservedNames: ReadonlySet<string> = new Set(["containers"]);
/** Reserved alone and when followed by `-`. */
const reservedPrefixes = ["proxy", "workspaces", "egress"] as const;
/** Prefix of container hosts: `<project>-<container>-…`. */
const containerHost = /^[0-9a-f]{24}-[0-9a-f]{24}(-|$)/;

/** Why a name is not allowed, as the rest of a sentence; null: it is allowed. */
export function aliasNameProblem(name: string): string | null {
  if (name.length < charactersMin || name.length > charactersMax) {
    return `must have ${charactersMin} to ${charactersMax} characters`;
  }
  if (!grammar.test(name)) {
    return "must have only a-z, 0-9 and -, and neither begin nor end with -";
  }
  if (reservedNames.has(name)) return `is reserved: ${name}`;
  const prefix = reservedPrefixOf(name);
  if (prefix !== undefined) return `is reserved, as everything that begins with ${prefix}-`;
  return containerHost.test(name) ? "looks like the host of a container" : null;
}

function reservedPrefixOf(name: string): string | undefined {
  return reservedPrefixes.find((each) => name === each || name.startsWith(`${each}-`));
}

/** Error metadata that says which reservation a name violates. */
function reservationOf(name: string): ErrorMetadata {
  if (reservedNames.has(name)) return { reserved_alias: name };
  const prefix = reservedPrefixOf(name);
  return prefix === undefined ? {} : { reserved_prefix: prefix };
}

/**
 * The alias name that was sent; a random one for null, false or an unset value. Throws ApiError INVALID_ALIAS_NAME, and
 * VALIDATION_ERROR for values of another type.
 */
export function aliasNameOf(value: Value | undefined): string {
  const sent = value?.kind;
  switch (sent?.case) {
    case undefined:
    case "nullValue":
      return randomName();
    case "stringValue": {
      const problem = aliasNameProblem(sent.value);
      if (problem === null) return sent.value;
      const metadata = { field: "alias", reason: problem, ...reservationOf(sent.value) };
      throw invalidAlias(ErrorCode.INVALID_ALIAS_NAME, problem, metadata);
    }
    case "boolValue":
      if (!sent.value) return randomName();
  }
  throw invalidAlias(ErrorCode.VALIDATION_ERROR, "must be string, null or false");
}

/** 48 hex digits: 192 random bits, not guessable. */
function randomName(): string {
  return randomBytes(24).toString("hex");
}

function invalidAlias(code: ErrorCode, message: string, metadata: ErrorMetadata = {}): ApiError {
  return new ApiError(code, [{ instancePath: "/alias", message }], null, metadata);
}
