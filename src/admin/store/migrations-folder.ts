import { join } from "node:path";

/** The folder with a store's migrations; it stands beside this file, or beside the bundle that this file is in. */
export function migrationsFolder(store: "sqlite" | "postgres"): string {
  return join(import.meta.dir, store, "migrations");
}
