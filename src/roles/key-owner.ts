// Files beside the key are made as the key's owner: in a folder of its own, a gate that was broken into can put links in our way.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  type Stats,
  statSync,
} from "node:fs";

const ownerOnly = 0o600;

/**
 * Root goes on as the owner of this file, for good: links in that user's folder then lead nowhere that it may not go. Throws with
 * one line when this user is neither; does nothing when the file is missing.
 */
export function becomeOwnerOf(path: string): void {
  const owner = ownerOf(path);
  const uid = process.getuid?.();
  if (owner === null || uid === undefined || owner.uid === uid) return;
  if (uid !== 0) {
    throw new Error(`${path} belongs to user ${owner.uid}: run this as that user, or as root`);
  }
  try {
    process.setgroups?.([owner.gid]);
    process.setgid?.(owner.gid);
    process.setuid?.(owner.uid);
  } catch (cause) {
    throw new Error(`${path} belongs to user ${owner.uid}: run this as that user`, { cause });
  }
}

/** Root goes on as the owner of what is there, for good: what it makes is then that user's. Others go on as they are. */
export function dropRootTo(path: string): void {
  if (process.getuid?.() === 0) becomeOwnerOf(path);
}

/** Of a link its own owner, who says where it leads; root's lead where root wants. */
function ownerOf(path: string): Stats | null {
  const own = lstatSync(path, { throwIfNoEntry: false });
  if (own === undefined) return null;
  if (own.uid !== 0 || !own.isSymbolicLink()) return own;
  return statSync(path, { throwIfNoEntry: false }) ?? null;
}

/** Makes the file where it is missing. Throws with one line when a link, or anything but a file of one name, is in its place. */
export function makePlainFile(path: string): void {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  let file: number;
  try {
    file = openSync(path, flags, ownerOnly);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ELOOP") throw cause;
    throw new Error(`${path} is a link: look who made it, and remove it`, { cause });
  }
  try {
    const stat = fstatSync(file);
    if (stat.isFile() && stat.nlink <= 1) return;
    throw new Error(`${path} is no file of its own: look who made it, and remove it`);
  } finally {
    closeSync(file);
  }
}
