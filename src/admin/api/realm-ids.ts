// What a caller may say, and is told, about the realms of a thing.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { Scope } from "../store/records.ts";

type Confinement = Pick<Scope, "confinedTo">;

/** The realms of a thing as the caller is told: a confined one hears of no other realm. */
export function shownRealms({ confinedTo }: Confinement, realmIds: readonly string[]): string[] {
  return realmIds.filter((realmId) => confinedTo === null || confinedTo.includes(realmId));
}

/** The realms of a new thing. Throws ApiError REALM_NOT_ALLOWED where a confined caller names another realm. */
export function newRealms({ confinedTo }: Confinement, realmIds: readonly string[]): string[] {
  if (shownRealms({ confinedTo }, realmIds).length < realmIds.length) {
    throw new ApiError(ErrorCode.REALM_NOT_ALLOWED);
  }
  return [...realmIds];
}

/**
 * The realms that a thing changes to; undefined: they stay. Throws ApiError REALM_IDS_LOCKED where a confined caller sends
 * anything but what it is told.
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
