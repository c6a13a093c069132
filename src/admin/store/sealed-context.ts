// What sealed values are bound to, in every store: moved to another row they do not open.

/** What of a document is sealed. */
export type SealedPart = "body" | "hooks";

/** What binds a sealed part to its row and version. */
export function sealContext(
  part: SealedPart,
  kind: string,
  ownerId: string,
  version: number,
): string {
  return `document/${kind}/${ownerId}/${version}${part === "body" ? "" : `/${part}`}`;
}

/** What binds a sealed target to its alias. */
export function targetContext(aliasId: string): string {
  return `alias/${aliasId}/target`;
}
