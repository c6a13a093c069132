// The groups that hooks name: which there are, which are missing, and who needs a group that is to go.
import { ApiError, type FieldViolation } from "../../../../proto/call.ts";
import { ErrorCode } from "../../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { Hook } from "../../../../proto/gen/realmgate/v1/hooks_pb.ts";
import type { Hooks } from "./hook-list.ts";

type Groups = ReadonlySet<string>;

/** What is wrong with the groups that a hook is for, as the rest of a sentence; null: nothing. */
export function groupsFault({ appliesTo }: Pick<Hook, "appliesTo">, groups: Groups): string | null {
  if (appliesTo === undefined) return null;
  const named = new Set(appliesTo.groups);
  if (named.size === 0) return "must name at least one group";
  if (named.size < appliesTo.groups.length) return "must name a group only once";
  const missing = [...named.difference(groups)];
  return missing.length === 0
    ? null
    : `must name groups of the document; there is no ${missing.join(", ")}`;
}

/** Throws ApiError INVALID_HOOK when hooks name groups that the document does not have. */
export function checkHookGroups(hooks: Hooks, groups: Groups): void {
  const violations = hooksWhere(hooks, (hook) => groupsFault(hook, groups));
  if (violations.length > 0) throw new ApiError(ErrorCode.INVALID_HOOK, violations);
}

/** Throws ApiError GROUP_IN_USE when hooks name the group, and says which. */
export function checkGroupIsFree(hooks: Hooks, name: string): void {
  const violations = hooksWhere(hooks, ({ id, appliesTo }) =>
    appliesTo?.groups.includes(name) ? `names ${name} (hook ${id})` : null,
  );
  if (violations.length > 0) throw new ApiError(ErrorCode.GROUP_IN_USE, violations);
}

function hooksWhere(hooks: Hooks, fault: (hook: Hook) => string | null): FieldViolation[] {
  return [...hooks].flatMap(([service, list]) =>
    list.flatMap((hook) => {
      const message = fault(hook);
      const instancePath = `/hooks/${service}/${hook.position}/applies_to/groups`;
      return message === null ? [] : [{ instancePath, message }];
    }),
  );
}
