// The change feed for the gate processes of this node: a socket that only this user can reach, and a token that only they have.
import { createHash, timingSafeEqual } from "node:crypto";
import { accessSync, chmodSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { StoreChangeSource } from "../admin/feed/change-source.ts";
import { type FeedServer, startFeed } from "../admin/feed/feed-server.ts";
import type { Log } from "../log.ts";
import { feedSocketFile } from "./data-files.ts";

/** `sun_path` of sockaddr_un has 108 bytes, with a zero byte at the end. */
const PATH_BYTES_MAX = 104;
const OWNER_ONLY = 0o600;

export interface WorkerFeedOptions {
  readonly source: StoreChangeSource;
  readonly serverName: string;
  readonly domain: string;
  /** Any of them will do. */
  readonly tokens: () => readonly string[];
  readonly log: Log;
}

export class WorkerFeed {
  readonly path: string;
  /** A folder that was made for it; null: it is in the data directory. */
  readonly #folder: string | null;
  #server: FeedServer | null = null;

  /** In the data directory where it can be: a successor of this process finds it there. */
  constructor(dataDir: string) {
    const path = join(dataDir, feedSocketFile);
    this.#folder = isUsable(path) ? null : mkdtempSync(join(tmpdir(), "realmgate-"));
    this.path = this.#folder === null ? path : join(this.#folder, feedSocketFile);
  }

  get url(): string {
    return `unix:${this.path}`;
  }

  /** Takes the place of what an earlier process left there. */
  async open({ source, serverName, domain, tokens, log }: WorkerFeedOptions): Promise<void> {
    if (this.#server !== null) return;
    rmSync(this.path, { force: true });
    this.#server = await startFeed({
      listen: this.url,
      source,
      authenticate: async (presented) =>
        tokens().some((token) => isSame(presented.token ?? "", token))
          ? { peer: { node: "serve", servers: [serverName], keys: {}, domain } }
          : { problem: "its token is not that of a worker" },
      // All workers are one node.
      wholesPerNodeMax: 2,
      followersPerNodeMax: Number.POSITIVE_INFINITY,
      log,
    });
    chmodSync(this.path, OWNER_ONLY);
  }

  async close(): Promise<void> {
    await this.#server?.stop();
    this.#server = null;
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
  }
}

function isUsable(path: string): boolean {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) return false;
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** In a time that says nothing of either. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
