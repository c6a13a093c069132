// Which realm a command works in: the one that is named, or the only one of a confined token.
import { inRealm } from "../../client/api-host.ts";
import { ApiError } from "../../client/errors.ts";
import { fieldAt, listAt } from "../output/cell.ts";
import { CommandFailure, exitCode } from "../terminal/exit-code.ts";
import { safeText } from "../terminal/safe-text.ts";

/** GET of a path on this host, as the caller of the command; its `data`. */
export type Look = (baseUrl: URL, path: string) => Promise<unknown>;

/** Realms of a token that are asked for their names. */
const askedMax = 50;

export function needsRealm(failure: unknown): failure is ApiError {
  return failure instanceof ApiError && failure.message.includes("requires a realm-scoped URL");
}

/** The host of the token's only realm; null: it has another number of them, or the host takes no label. */
export async function onlyRealm(base: URL, look: Look): Promise<URL | null> {
  const [only, ...others] = await ownRealms(base, look);
  if (only === undefined || others.length > 0) return null;
  try {
    return inRealm(base, only);
  } catch {
    return null;
  }
}

/** The host of the realm with this name. Throws CommandFailure when there is none, or several. */
export async function realmNamed(base: URL, name: string, look: Look): Promise<URL> {
  const ids = await called(base, name, look);
  const [only, ...others] = ids;
  const shown = safeText(name);
  if (only === undefined) {
    const message = `no realm with the name ${shown} is visible to you: see realmgate realms list`;
    throw new CommandFailure(exitCode.notFound, message);
  }
  if (others.length > 0) {
    const message = `${ids.length} realms are called ${shown}; name one by its id:`;
    throw new CommandFailure(exitCode.failed, message, ...ids.map((id) => safeText(`  ${id}`)));
  }
  return inRealm(base, only);
}

async function called(base: URL, name: string, look: Look): Promise<readonly string[]> {
  try {
    return realmsCalled(await look(base, "/api/v1/realms"), name);
  } catch (failure) {
    if (!needsRealm(failure)) throw failure;
  }
  const found: string[] = [];
  for (const realm of (await ownRealms(base, look)).slice(0, askedMax)) {
    const data = await look(inRealm(base, realm), "/api/v1/realms");
    found.push(...realmsCalled(data, name));
  }
  return found;
}

async function ownRealms(base: URL, look: Look): Promise<readonly string[]> {
  const me = await look(base, "/api/v1/auth/tokens/me");
  return listAt(me, "restrictions.allowed_realm_ids").map(String);
}

/** Ids of the realms that an answer of ListRealms calls so. */
export function realmsCalled(data: unknown, name: string): string[] {
  const names = fieldAt(data, "names");
  if (typeof names !== "object" || names === null) return [];
  return Object.entries(names)
    .filter(([, each]) => each === name)
    .map(([id]) => id);
}
