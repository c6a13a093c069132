// Access requirements of a method (options.proto, `requires`), validated at start-up.
import {
  type DescField,
  type DescMethod,
  getOption,
  hasOption,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  CallerKind,
  ProjectLevel,
  type Requires,
  ResourceKind,
  requires,
} from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { allPermissions } from "../auth/permissions.ts";
import type { ResourceKey } from "../store/records.ts";

/** Throws when the option is missing or contradictory: then the server must not start. */
export function requirementsOf(method: DescMethod): Requires {
  const name = `${method.parent.typeName}.${method.name}`;
  const needs = getOption(method, requires);
  if (!hasOption(method, requires) || needs.caller === CallerKind.UNSPECIFIED) {
    throw new Error(`${name} does not state its requirements`);
  }
  const forTokens = needs.caller === CallerKind.ANY || needs.caller === CallerKind.TOKEN;
  if (forTokens !== (needs.leaves.length > 0 || needs.anyToken)) {
    throw new Error(
      `${name} must state leaves or any_token if auth tokens may call it, and only then`,
    );
  }
  for (const permission of needs.leaves) {
    if (!allPermissions.has(permission)) {
      throw new Error(`${name} requires the unknown permission ${permission}`);
    }
  }
  if ((needs.level !== ProjectLevel.UNSPECIFIED) !== (needs.resource !== undefined)) {
    throw new Error(`${name} must state both a level and a resource, or neither`);
  }
  if (needs.resource !== undefined) {
    const { kind, field } = needs.resource;
    resourceKinds(kind);
    const found = method.input.fields.find((each) => each.name === field);
    if (found?.fieldKind !== "scalar" || found.scalar !== ScalarType.STRING) {
      throw new Error(`${name} names the resource field ${field}, which is not a string field`);
    }
  }
  const dryRun = dryRunField(method);
  if (dryRun !== undefined && (dryRun.scalar !== ScalarType.BOOL || !needs.ifMatch)) {
    throw new Error(`${name} has ${dryRun.name}, but does not write a document`);
  }
  return needs;
}

/** The field that requests a dry run; documented in permissions.proto. */
function dryRunField(method: DescMethod): DescField | undefined {
  return method.input.fields.find(({ name }) => name === "validate_only");
}

/** Whether the message requests a dry run. */
export function isDryRun(method: DescMethod, message: Message): boolean {
  const field = dryRunField(method);
  return field !== undefined && reflect(method.input, message).get(field) === true;
}

/** The store's name of a resource kind, and the error code when the resource does not exist. */
export function resourceKinds(kind: ResourceKind): {
  readonly kind: ResourceKey["kind"];
  readonly notFound: ErrorCode;
} {
  switch (kind) {
    case ResourceKind.PROJECT:
      return { kind: "project", notFound: ErrorCode.PROJECT_NOT_FOUND };
    case ResourceKind.CONTAINER:
      return { kind: "container", notFound: ErrorCode.CONTAINER_NOT_FOUND };
    case ResourceKind.ALIAS:
      return { kind: "alias", notFound: ErrorCode.ALIAS_NOT_FOUND };
    default:
      throw new Error("the resource has no kind");
  }
}
