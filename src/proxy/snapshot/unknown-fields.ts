// States of a later version may have fields that are not known here, and such a field may forbid something.
import type { ContainerState, ProjectState } from "../../../proto/gen/realmgate/v1/feed_pb.ts";

/** Whether a state, or a message in it, came with a field that this version does not know. */
export function hasUnknownFields(state: ProjectState | ContainerState): boolean {
  return isUnknown(state);
}

function isUnknown(value: unknown): boolean {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return false;
  const isMessage = "$typeName" in value;
  if (isMessage && "$unknown" in value && Array.isArray(value.$unknown)) {
    if (value.$unknown.length > 0) return true;
  }
  return Object.values(value).some(isUnknown);
}
