// Where the data is when no setting says so: never relative to the working directory, in which another start may find nothing.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** What was the default once. */
const formerDefault = "data";
/** As systemd and root's services have it. */
const systemFolder = "/var/lib/realmgate";

/** An absolute path. */
export function defaultDataDir(
  environment: Readonly<Record<string, string | undefined>>,
  isRoot = process.getuid?.() === 0,
): string {
  const { STATE_DIRECTORY, XDG_DATA_HOME, HOME } = environment;
  // systemd.exec(5): several are separated by colons.
  const [state = ""] = STATE_DIRECTORY?.split(":") ?? [];
  if (state !== "") return state;
  if (isRoot) return systemFolder;
  return join(XDG_DATA_HOME || join(HOME || homedir(), ".local/share"), "realmgate");
}

/**
 * For a data directory by default: the problem when it has no data, but the working directory has what an earlier version
 * made there. Null: none.
 */
export function passedOverData(dataDir: string, workingDirectory: string): string | null {
  const former = resolve(workingDirectory, formerDefault);
  const hasData = (path: string) => existsSync(join(path, "realmgate.sqlite"));
  if (hasData(dataDir) || !hasData(former)) return null;
  return `is not set, and ${former}, the default of earlier versions, has data: set it to that, or to ${dataDir} for a new installation`;
}
