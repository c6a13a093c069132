// What a first start makes and a failed one must not leave behind.
import { existsSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { keyFile } from "./readiness.ts";

/**
 * Called before a start; the function returned removes what was made since. It does nothing unless the installation was new: a
 * database, a key or a snapshot that was there before stays as it is.
 */
export function removerOfNewFiles({ dataDir, databasePath, postgres }: Config): () => void {
  const isNewFolder = !existsSync(dataDir);
  const files = [
    join(dataDir, keyFile),
    join(dataDir, "snapshot"),
    ...(postgres === null ? ["", "-wal", "-shm"].map((ending) => `${databasePath}${ending}`) : []),
  ];
  if (files.some((file) => existsSync(file))) return () => {};
  return () => {
    const lock = postgres === null ? [`${databasePath}.lock`] : [];
    for (const file of [...files, ...lock]) rmSync(file, { force: true });
    if (!isNewFolder) return;
    try {
      rmdirSync(dataDir);
    } catch {
      // Something else is in it.
    }
  };
}
