// What a method says it needs (options.proto, `requires`), checked once at start-up so that nothing can be forgotten.
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

/** Throws when the option is missing or does not hold together: then the server must not start. */
export function requirementsOf(method: DescMethod): Requires {
  const name = `${method.parent.typeName}.${method.name}`;
  const needs = getOption(method, requires);
  if (!hasOption(method, requires) || needs.caller === CallerKind.UNSPECIFIED) {
    throw new Error(`${name} does not say what it requires`);
  }
  const forTokens = needs.caller === CallerKind.ANY || needs.caller === CallerKind.TOKEN;
  if (forTokens !== (needs.leaves.length > 0 || needs.anyToken)) {
    throw new Error(
      `${name} must say leaves or any_token if auth tokens may call it, and only then`,
    );
  }
  for (const leaf of needs.leaves) {
    if (!allPermissions.has(leaf)) throw new Error(`${name} requires ${leaf}, which is no leaf`);
  }
  if ((needs.level !== ProjectLevel.UNSPECIFIED) !== (needs.resource !== undefined)) {
    throw new Error(`${name} must say both a level and a resource, or neither`);
  }
  if (needs.resource !== undefined) {
    const { kind, field } = needs.resource;
    resourceKinds(kind);
    const found = method.input.fields.find((each) => each.name === field);
    if (found?.fieldKind !== "scalar" || found.scalar !== ScalarType.STRING) {
      throw new Error(`${name} has its resource in ${field}, which is no string field`);
    }
  }
  const dryRun = dryRunField(method);
  if (dryRun !== undefined && (dryRun.scalar !== ScalarType.BOOL || !needs.ifMatch)) {
    throw new Error(`${name} has ${dryRun.name}, but is no write of a document`);
  }
  return needs;
}

/** The field that asks for a dry run; documented in permissions.proto. */
function dryRunField(method: DescMethod): DescField | undefined {
  return method.input.fields.find(({ name }) => name === "validate_only");
}

/** Whether the message asks that nothing be written. */
export function isDryRun(method: DescMethod, message: Message): boolean {
  const field = dryRunField(method);
  return field !== undefined && reflect(method.input, message).get(field) === true;
}

/** How a kind of resource is called in the store, and how its absence is refused. */
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
      throw new Error("a resource without a kind");
  }
}
