import type { LimitStore } from "../store.ts";

/** The one process that has the file counts by itself. */
export function limitStore(): LimitStore {
  return { countShared: async () => null };
}
