// Realm ids of a resource, as a confined caller may see and set them.

import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { isOperator } from "../auth/caller.ts";
import type { Scope, StoredProject } from "../store/records.ts";
import type { Context } from "./dispatch.ts";
import { lackingOwner } from "./lacking.ts";

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
 * but the realms that it sees, INSUFFICIENT_PERMISSIONS when one sends others who may not choose them.
 */
export async function changedRealms(
  { confinedTo, realmId }: Pick<Scope, "confinedTo" | "realmId">,
  present: readonly string[],
  sent: readonly string[],
  mayChoose: () => boolean | Promise<boolean>,
): Promise<string[] | undefined> {
  if (confinedTo !== null) {
    if (differ(shownRealms({ confinedTo }, present), sent)) {
      throw new ApiError(ErrorCode.REALM_IDS_LOCKED);
    }
    return undefined;
  }
  if (await mayChoose()) return [...sent];
  if (differ(present, realmId === null ? sent : [...sent, realmId])) {
    throw lackingOwner();
  }
  return undefined;
}

function differ(some: readonly string[], others: readonly string[]): boolean {
  return new Set(some).symmetricDifference(new Set(others)).size > 0;
}

/**
 * Whether the caller may say in which realms a project and what it holds are. A realm lets tokens of the owner in that are
 * confined to it, so its members may not: only the owner and operators who are not confined.
 */
export function choosesRealms(
  { userId }: Pick<StoredProject, "userId">,
  { caller, scope }: Pick<Context, "caller" | "scope">,
): boolean {
  return scope.confinedTo === null && (userId === scope.userId || isOperator(caller));
}
