import { bearerToken } from "./authorization.ts";
import { AUTHORIZATION, type CredentialLocation, isAuthorization } from "./credential-location.ts";
import type { PolicyGroup } from "./group.ts";
import type { GroupPassword } from "./password.ts";
import { PasswordVerifier } from "./password-verifier.ts";
import type { Steps } from "./steps.ts";
import { buildTokenTable, type GroupToken, type TokenTable } from "./token-table.ts";
import { type GroupJwt, TokenVerifier } from "./token-verifier.ts";

/** One place where the enabled groups of a document look for credentials, with a verifier for each type of group. */
export interface CredentialReader {
  readonly location: CredentialLocation;
  /** The place is the Authorization header, where tokens follow `Bearer`. */
  readonly authorization: boolean;
  readonly tokens: TokenTable | null;
  readonly jwts: TokenVerifier | null;
  /** Only ever in the Authorization header. */
  readonly passwords: PasswordVerifier | null;
}

interface Place {
  readonly location: CredentialLocation;
  readonly tokens: GroupToken[];
  readonly jwts: GroupJwt[];
  readonly passwords: GroupPassword[];
}

/** One reader for each place that these groups read; `count` is the number of groups of the document, enabled or not. */
export function* readersOf(
  count: number,
  groups: readonly (PolicyGroup & { readonly index: number })[],
): Steps<CredentialReader[]> {
  const places = [...placesOf(groups)];
  const verifiers = places.filter(({ jwts }) => jwts.length > 0).length;
  const readers: CredentialReader[] = [];
  for (const { location, tokens, jwts, passwords } of places) {
    readers.push({
      location,
      authorization: isAuthorization(location),
      tokens: tokens.length > 0 ? buildTokenTable(count, tokens) : null,
      jwts: jwts.length > 0 ? new TokenVerifier(count, jwts, verifiers) : null,
      passwords: passwords.length > 0 ? new PasswordVerifier(count, passwords) : null,
    });
    yield tokens.length + jwts.length + passwords.length;
  }
  return readers;
}

function placesOf(groups: readonly (PolicyGroup & { readonly index: number })[]) {
  const places = new Map<string, Place>();
  const at = (location: CredentialLocation): Place => {
    const key = `${location.kind}:${location.name}`;
    const place = places.get(key) ?? { location, tokens: [], jwts: [], passwords: [] };
    places.set(key, place);
    return place;
  };
  for (const group of groups) {
    switch (group.type) {
      case "ip":
        break;
      case "token": {
        const value = isAuthorization(group.location)
          ? tokenInAuthorization(group.value)
          : group.value;
        at(group.location).tokens.push({ value, group: group.index });
        break;
      }
      case "jwt":
        for (const location of group.sources) {
          at(location).jwts.push({ group: group.index, key: group.key, claims: group.claims });
        }
        break;
      case "password":
        at(AUTHORIZATION).passwords.push({ ...group, group: group.index });
        break;
    }
  }
  return places.values();
}

/** A static token in Authorization counts with and without `Bearer`, in the request and in the document alike. */
export function tokenInAuthorization(value: string): string {
  return bearerToken(value) ?? value;
}
