import { describeClaims } from "./claim.ts";
import type { CredentialLocation } from "./credential-location.ts";
import type { PolicyGroup } from "./group.ts";
import { formatRange } from "./ip-range.ts";

/** What a group matches by, without its secrets: `203.0.113.0/24`, `JWT (HS256) in header authorization`. */
export function describeGroup(group: PolicyGroup): string {
  switch (group.type) {
    case "ip":
      return formatRange(group.range);
    case "jwt":
      return `JWT (${group.key.algorithm}) in ${group.sources.map(placeText).join(" or ")}${describeClaims(group.claims)}`;
    case "password":
      return "user name and password";
    case "token":
      return `token in ${placeText(group.location)}`;
  }
}

/** A credential location as text for people. */
export function placeText({ kind, name }: CredentialLocation): string {
  return `${kind === "param" ? "parameter" : kind} ${name}`;
}
