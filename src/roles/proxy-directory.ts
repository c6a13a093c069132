// The data directory of a proxy is one process's: two would write over each other's snapshot and keys.
import { hash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../log.ts";
import { DatabaseInUse, lockDatabase } from "./data-lock.ts";
import { CannotStartNode } from "./running-node.ts";

/** How often a successor looks whether its predecessor is gone, in milliseconds. */
const TRY_MS = 500;

export interface ProxyDirectoryOptions {
  readonly path: string;
  /** Names the node; see NodeCredential. */
  readonly owner: string;
  /** Names the process among those of its node. */
  readonly process: string;
  /** Whether the process may start beside its predecessor, which has the same name. */
  readonly maySucceed: boolean;
  readonly log: Log;
}

/** Answers how to give it back. Throws CannotStartNode when another process has it. */
export function takeProxyDirectory(options: ProxyDirectoryOptions): () => void {
  const { path, process, maySucceed, log } = options;
  const lockPath = join(path, "proxy");
  const ownerPath = join(path, "proxy.owner");
  const owner = `${hash("sha256", `realmgate/owner/${options.owner}`, "hex").slice(0, 16)} ${process}\n`;
  let unlock: (() => void) | null = null;
  const take = () => {
    unlock = lockDatabase(lockPath);
    writeFileSync(ownerPath, owner);
  };
  let waiting: ReturnType<typeof setInterval> | null = null;
  const giveBack = () => {
    if (waiting !== null) clearInterval(waiting);
    unlock?.();
  };
  try {
    take();
    return giveBack;
  } catch (error) {
    if (!(error instanceof DatabaseInUse)) {
      log.warn(
        { err: error, path },
        "the data directory cannot be locked; it is used all the same",
      );
      return giveBack;
    }
    if (!maySucceed || ownerIn(ownerPath) !== owner) {
      throw new CannotStartNode(
        `REALMGATE_DATA_DIR: ${path} is in use by another proxy: give each process one of its own, and a REALMGATE_PROCESS_NAME`,
        { cause: error },
      );
    }
  }
  waiting = setInterval(() => {
    try {
      take();
      if (waiting !== null) clearInterval(waiting);
    } catch {}
  }, TRY_MS);
  waiting.unref();
  return giveBack;
}

function ownerIn(path: string): string | null {
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}
