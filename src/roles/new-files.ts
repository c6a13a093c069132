// What a first start makes and a failed one must not leave behind.
import { existsSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { reservePath } from "../admin/store/sqlite/disk-reserve.ts";
import type { Config } from "../config/config.ts";
import {
  exchangeLogFile,
  feedSocketFile,
  keyFile,
  snapshotFile,
  sqliteFiles,
} from "./data-files.ts";

/**
 * Called before a start; the function returned removes what was made since. Of the database, the key and the snapshot it removes
 * nothing unless the installation was new.
 */
export function removerOfNewFiles({ dataDir, databasePath, postgres }: Config): () => void {
  const isNewFolder = !existsSync(dataDir);
  const files = [
    join(dataDir, keyFile),
    join(dataDir, snapshotFile),
    ...(postgres === null ? sqliteFiles(databasePath) : []),
  ];
  const log = sqliteFiles(join(dataDir, exchangeLogFile));
  const newLog = log.some((file) => existsSync(file)) ? [] : log;
  const isNew = !files.some((file) => existsSync(file));
  return () => {
    for (const file of newLog) rmSync(file, { force: true });
    if (!isNew) return;
    const lock = postgres === null ? [`${databasePath}.lock`, reservePath(databasePath)] : [];
    const socket = join(dataDir, feedSocketFile);
    for (const file of [...files, ...lock, socket]) rmSync(file, { force: true });
    if (!isNewFolder) return;
    try {
      rmdirSync(dataDir);
    } catch {
      // Something else is in it.
    }
  };
}
