// What a running gate calls its connection to PostgreSQL: by that a rotation sees which secret keys it has.

const PREFIX = "realmgate ";
/** PostgreSQL cuts names off at 63 bytes. */
const NAME_MAX = 63;

/** The ids of its keys, as many as there is room for. */
export function runningName(keyIds: readonly string[]): string {
  return `${PREFIX}${keyIds.join()}`.slice(0, NAME_MAX);
}

/** Whether a gate with this name has the key. One of an earlier version has another name, and has not. */
export function namesKey(name: string, keyId: string): boolean {
  return name.startsWith(PREFIX) && name.slice(PREFIX.length).split(",").includes(keyId);
}
