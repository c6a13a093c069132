import type { PolicyGroup } from "./group.ts";
import type { ViolationCode } from "./violation.ts";

/** Groups of one document. */
export const groupsMax = 1000;
/** Distinct headers, cookies and parameters that one document reads: each is looked up for every request. */
export const credentialLocationsMax = 32;
/**
 * Distinct pairs of a jwt source and a key in one document: what a request with a hostile token at every source can
 * make us verify at most. Groups that share source and key count once.
 */
export const jwtSourceKeysMax = 20;
/** Different salts of one user name in one document: each is one more hash for every password that is tried. */
export const saltsPerUsernameMax = 16;

/** A limit that the groups of a document exceed together. */
interface ExceededLimit {
  readonly code: ViolationCode;
  readonly reason: string;
}

/** The limits that these groups exceed together; disabled ones count, because they can be enabled. */
export function exceededLimits(groups: Iterable<PolicyGroup>): ExceededLimit[] {
  const locations = new Set<string>();
  const sourceKeys = new Set<string>();
  const salts = new Map<string, Set<string>>();
  for (const group of groups) {
    switch (group.type) {
      case "ip":
        break;
      case "jwt":
        for (const { kind, name } of group.sources) {
          locations.add(`${kind}:${name}`);
          sourceKeys.add(`${kind}:${name} ${group.key.id}`);
        }
        break;
      case "password":
        locations.add("header:authorization");
        salts.set(group.username, (salts.get(group.username) ?? new Set()).add(group.salt));
        break;
      case "token":
        locations.add(`${group.location.kind}:${group.location.name}`);
        break;
    }
  }
  const exceeded: ExceededLimit[] = [];
  if (locations.size > credentialLocationsMax) {
    exceeded.push({
      code: "INVALID_PERMISSIONS_DOCUMENT",
      reason: `may read at most ${credentialLocationsMax} different headers, cookies and parameters`,
    });
  }
  if (sourceKeys.size > jwtSourceKeysMax) {
    exceeded.push({
      code: "INVALID_JWT_CONFIG",
      reason: `may have at most ${jwtSourceKeysMax} different pairs of a jwt source and a key`,
    });
  }
  if (salts.values().some((own) => own.size > saltsPerUsernameMax)) {
    exceeded.push({
      code: "INVALID_PASSWORD_CONFIG",
      reason: `may have at most ${saltsPerUsernameMax} different salts for one username`,
    });
  }
  return exceeded;
}
