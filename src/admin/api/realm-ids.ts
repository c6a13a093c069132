// Realm ids of a resource, as a confined caller may see and set them.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { Scope } from "../store/records.ts";

type Confinement = Pick<Scope, "confinedTo">;

/** The realms of a resource that the caller may see: a confined caller sees only its own realms. */
export function shownRealms({ confinedTo }: Confinement, realmIds: readonly string[]): string[] {
  return realmIds.filter((realmId) => confinedTo === null || confinedTo.includes(realmId));
}

/** The realms of a new resource. Throws ApiError REALM_NOT_ALLOWED when a confined caller names a realm outside its own. */
export function newRealms({ confinedTo }: Confinement, realmIds: readonly string[]): string[] {
  if (shownRealms({ confinedTo }, realmIds).length < realmIds.length) {
    throw new ApiError(ErrorCode.REALM_NOT_ALLOWED);
  }
  return [...realmIds];
}

/**
 * The new realms of a resource; undefined: unchanged. Throws ApiError REALM_IDS_LOCKED when a confined caller sends anything
 * but the realms that it sees.
 */
export function changedRealms(
  { confinedTo }: Confinement,
  present: readonly string[],
  sent: readonly string[],
): string[] | undefined {
  if (confinedTo === null) return [...sent];
  const shown = new Set(shownRealms({ confinedTo }, present));
  if (shown.symmetricDifference(new Set(sent)).size > 0) {
    throw new ApiError(ErrorCode.REALM_IDS_LOCKED);
  }
  return undefined;
}
