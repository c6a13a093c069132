// The error codes of a method: those in its comment, and those that its options imply.
import {
  type DescField,
  type DescMessage,
  type DescMethod,
  getOption,
  hasOption,
} from "@bufbuild/protobuf";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  CallerKind,
  type Requires,
  ResourceKind,
  requires,
  rule,
} from "../../../proto/gen/realmgate/v1/options_pb.ts";
import type { Binding } from "../routing/http-rule.ts";
import { isSendable } from "../routing/rest-fields.ts";
import { codesIn, commentOf } from "./comments.ts";

/** Every error code of a route, in contract order. */
export function refusalsOf(binding: Binding): readonly ErrorCode[] {
  const codes = new Set([
    ErrorCode.INVALID_HOST,
    ErrorCode.INTERNAL_ERROR,
    ErrorCode.STORE_UNAVAILABLE,
    ...(binding.verb === "GET" ? [] : [ErrorCode.WRITE_OUTCOME_UNKNOWN, ErrorCode.STORAGE_FULL]),
    ...ofComments(binding),
    ...ofMessage(binding),
    ...ofRequirements(getOption(binding.method, requires)),
  ]);
  return Object.values(ErrorCode).filter((code) => codes.has(code));
}

/** Parses `Errors: A, B, as OtherMethod.` of the method and `Every method may answer A; every write B.` of its service. */
function ofComments({ method, verb }: Binding): ErrorCode[] {
  const service = commentOf(method.parent);
  const every = /Every method may answer ([^.;]*)/.exec(service)?.[1] ?? "";
  const write = /every write ([^.;]*)/i.exec(service)?.[1] ?? "";
  return [...codesIn(every), ...(verb === "GET" ? [] : codesIn(write)), ...ofMethod(method)];
}

function ofMethod(method: DescMethod, seen = new Set<DescMethod>()): ErrorCode[] {
  if (seen.has(method)) return [];
  seen.add(method);
  const errors = /Errors: (.*)$/.exec(commentOf(method))?.[1] ?? "";
  const others = [...errors.matchAll(/\bas ([A-Z][A-Za-z]+)/g)].map(([, name]) => name);
  const as = method.parent.methods.filter(({ name }) => others.includes(name));
  return [...codesIn(errors), ...as.flatMap((other) => ofMethod(other, seen))];
}

/** Codes for malformed input and for field rules. */
function ofMessage({ method, body, query, segments }: Binding): ErrorCode[] {
  const codes: ErrorCode[] = [ErrorCode.INVALID_PARAMETER_VALUE];
  if (body !== null) {
    codes.push(
      ErrorCode.INVALID_JSON,
      ErrorCode.PAYLOAD_TOO_LARGE,
      ErrorCode.UNSUPPORTED_MEDIA_TYPE,
      ErrorCode.VALIDATION_ERROR,
    );
  }
  const inPath = new Set(segments.map((each) => (each.kind === "variable" ? each.field : "")));
  const sent = method.input.fields.filter(
    (field) => body !== null || inPath.has(field.name) || query.has(field.name),
  );
  return [...codes, ...sent.flatMap((field) => ofRules(field))];
}

function ofRules(field: DescField, seen = new Set<DescMessage>()): ErrorCode[] {
  if (!isSendable(field)) return [];
  const codes = hasOption(field, rule)
    ? [getOption(field, rule).code || ErrorCode.VALIDATION_ERROR]
    : [];
  if (field.message === undefined || seen.has(field.message)) return codes;
  seen.add(field.message);
  return [...codes, ...field.message.fields.flatMap((inner) => ofRules(inner, seen))];
}

const notFound: ReadonlyMap<ResourceKind, ErrorCode> = new Map([
  [ResourceKind.PROJECT, ErrorCode.PROJECT_NOT_FOUND],
  [ResourceKind.CONTAINER, ErrorCode.CONTAINER_NOT_FOUND],
  [ResourceKind.ALIAS, ErrorCode.ALIAS_NOT_FOUND],
]);

/** Codes for authentication, authorization and the resource. */
function ofRequirements(needs: Requires): ErrorCode[] {
  if (needs.caller === CallerKind.PUBLIC) return [];
  const { resource } = needs;
  const codes: (ErrorCode | undefined)[] = [
    ErrorCode.MISSING_TOKEN,
    ErrorCode.INVALID_TOKEN,
    ErrorCode.TOKEN_EXPIRED,
    ErrorCode.TOKEN_DISABLED,
    ErrorCode.INVALID_CREDENTIALS,
    ErrorCode.IP_NOT_ALLOWED,
    ErrorCode.REALM_NOT_ALLOWED,
    ErrorCode.INVALID_REALM_ID_FORMAT,
    ErrorCode.RATE_LIMITED,
    needs.anyHost ? undefined : ErrorCode.REALM_SCOPE_REQUIRED,
    needs.caller === CallerKind.SESSION ? ErrorCode.SESSION_REQUIRED : undefined,
    needs.caller === CallerKind.TOKEN ? ErrorCode.TOKEN_REQUIRED : undefined,
    needs.leaves.length > 0 || needs.level > 0 || needs.operator
      ? ErrorCode.INSUFFICIENT_PERMISSIONS
      : undefined,
    ...(needs.ifMatch ? [ErrorCode.PRECONDITION_REQUIRED, ErrorCode.PRECONDITION_FAILED] : []),
    ...(resource === undefined
      ? []
      : [
          notFound.get(resource.kind),
          resource.missingInRealm || undefined,
          resource.shared ? undefined : ErrorCode.SHARED_ACROSS_REALMS,
        ]),
  ];
  return codes.filter((code) => code !== undefined);
}
