// The refusal of who may see something and may not do this with it: it names what is missing.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";

const levelNames: ReadonlyMap<ProjectLevel, string> = new Map([
  [ProjectLevel.READ, "read"],
  [ProjectLevel.EDIT, "edit"],
  [ProjectLevel.DELETE, "delete"],
]);

/** INSUFFICIENT_PERMISSIONS; `needs` ends the sentence "needs …". */
export function lacking(needs: string, more: Readonly<Record<string, string>> = {}): ApiError {
  return new ApiError(ErrorCode.INSUFFICIENT_PERMISSIONS, [], null, { needs, ...more });
}

/** A token without any of these leaves, of which one suffices. */
export function lackingPermission(leaves: readonly string[]): ApiError {
  const permissions = leaves.join(",");
  return lacking(`the token permission ${leaves.join(" or ")}`, { permissions });
}

/** A member whose level is too low. */
export function lackingLevel(needed: ProjectLevel, present: ProjectLevel): ApiError {
  const [level = "", has = ""] = [levelNames.get(needed), levelNames.get(present)];
  const more = { level, has_level: has };
  return lacking(`the level ${level} in the project, and yours is ${has}`, more);
}

export function lackingOperator(): ApiError {
  return lacking("an operator; a token of one needs admin.servers, and no realms", {
    operator: "true",
  });
}

export function lackingOwner(): ApiError {
  return lacking("the owner of the project, or an operator who is a member");
}

/** A caller who is confined to realms, and would reach beyond them. */
export function lackingFreedom(): ApiError {
  return lacking("a caller who is not confined to realms");
}
