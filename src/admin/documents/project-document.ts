// Whether an answer about a container may tell of its project's document.

import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { lackingPermission } from "../api/lacking.ts";
import { type Caller, mayDo } from "../auth/caller.ts";
import type { DocumentState, EffectiveState } from "../store/records.ts";

/**
 * The document of the container's project, where the answer may tell of it. Throws ApiError: PROJECT_NOT_FOUND where the project
 * lies beyond a realm, whatever its document says; INSUFFICIENT_PERMISSIONS.
 */
export function projectDocument(
  caller: Caller,
  { own, project }: Pick<EffectiveState, "own" | "project">,
): DocumentState {
  if (project === null) throw new ApiError(ErrorCode.PROJECT_NOT_FOUND);
  if (own.body === null && project.body !== null) requireProjectDocuments(caller);
  return project;
}

/** Throws ApiError INSUFFICIENT_PERMISSIONS for a token that may not read documents of projects. */
export function requireProjectDocuments(caller: Caller): void {
  if (readsProjectDocuments.some((leaf) => mayDo(caller, leaf))) return;
  throw lackingPermission(readsProjectDocuments);
}

/** As ProjectPermissionsService.GetPermissions requires it; any one suffices. */
const readsProjectDocuments = ["projects.update", "resources.proxy_aliases"];
