import { createHash, timingSafeEqual } from "node:crypto";
import { bearerToken, isBasic, parseBasic } from "./authorization.ts";
import { claimFor, claimHolds } from "./claim.ts";
import { type CompactToken, clockSkewS, parseCompactToken } from "./compact-token.ts";
import { AUTHORIZATION, type CredentialLocation, isAuthorization } from "./credential-location.ts";
import { tokenInAuthorization } from "./credential-reader.ts";
import { placeText } from "./describe-group.ts";
import type { IpGroup, JwtGroup, PasswordGroup, PolicyGroup, TokenGroup } from "./group.ts";
import { formatRange, isIpv6Range, parseAddressKey, rangeHas } from "./ip-range.ts";
import { isSignedWith } from "./token-signature.ts";

/** Why a group matches a request, or why it does not: the whole list. */
export const GROUP_WHYS = [
  "address_in_range",
  "jwt_verified",
  "password_matches",
  "token_matches",
  "disabled",
  "no_address",
  "address_is_ipv4",
  "address_is_ipv6",
  "address_outside_range",
  "no_credential",
  "ambiguous_credential",
  "not_bearer",
  "not_basic",
  "malformed_basic",
  "malformed_jwt",
  "jwt_expired",
  "jwt_not_yet_valid",
  "algorithm_differs",
  "claim_differs",
  "bad_signature",
  "user_name_differs",
  "wrong_password",
  "token_differs",
] as const;

export type GroupWhy = (typeof GROUP_WHYS)[number];

/** `text` is the rest of a sentence that begins with the group; it holds no secret and nothing that was presented. */
export interface GroupReason {
  readonly matched: boolean;
  readonly why: GroupWhy;
  readonly text: string;
}

/**
 * What a request has at one place: a text, nothing, or an ambiguous value: empty, malformed or present more than once.
 */
export type Found = { readonly text: string } | "absent" | "ambiguous";

/** A request as a group sees it. */
export interface Examined {
  readonly look: (location: CredentialLocation) => Found;
  /** The client's address; null: it is not known. */
  readonly address: string | null;
  /** Unix seconds. */
  readonly nowS: number;
}

/**
 * Explains group by group what `identify` answers for all at once. It is a second, slower implementation of the same rules:
 * compare it with `identify` before showing it. One examiner serves one request and checks a signature once for each key.
 */
export class GroupExaminer {
  readonly #request: Examined;
  readonly #signed = new Map<string, boolean>();

  constructor(request: Examined) {
    this.#request = request;
  }

  explain(group: PolicyGroup): GroupReason {
    if (!group.enabled) {
      return no("disabled", "is disabled");
    }
    switch (group.type) {
      case "ip":
        return this.#ip(group);
      case "token":
        return this.#token(group);
      case "password":
        return this.#password(group);
      case "jwt":
        return this.#jwt(group);
    }
  }

  #ip({ range }: IpGroup): GroupReason {
    const text = formatRange(range);
    const { address } = this.#request;
    const key = address === null ? null : parseAddressKey(address);
    if (key === null) {
      return no("no_address", `matches by ${text}, but the client's address is not known`);
    }
    const isIpv4 = typeof key === "number";
    if (isIpv4 === isIpv6Range(range)) {
      return isIpv4
        ? no("address_is_ipv4", `matches by ${text}, which no IPv4 address is in`)
        : no("address_is_ipv6", `matches by ${text}, which no IPv6 address is in`);
    }
    return rangeHas(range, key)
      ? yes("address_in_range", `matched by ${text}`)
      : no("address_outside_range", `found the address outside ${text}`);
  }

  #token({ location, value }: TokenGroup): GroupReason {
    const found = this.#find(location, "token");
    if (typeof found !== "string") {
      return found;
    }
    const plain = isAuthorization(location) ? tokenInAuthorization : (text: string) => text;
    return isEqual(plain(found), plain(value))
      ? yes("token_matches", `matched by the token in ${placeText(location)}`)
      : no("token_differs", `found another token in ${placeText(location)}`);
  }

  #password({ username, salt, digest }: PasswordGroup): GroupReason {
    const found = this.#find(AUTHORIZATION, "user name and password");
    if (typeof found !== "string") {
      return found;
    }
    if (!isBasic(found)) {
      return no("not_basic", "found another scheme than Basic in header authorization");
    }
    const user = parseBasic(found);
    if (user === null) {
      return no("malformed_basic", "found malformed Basic credentials in header authorization");
    }
    if (user.username !== username) {
      return no("user_name_differs", "found another user name in header authorization");
    }
    const actual = createHash("sha256")
      .update(salt + user.password)
      .digest();
    return timingSafeEqual(actual, Buffer.from(digest, "hex"))
      ? yes("password_matches", "matched by user name and password")
      : no("wrong_password", "found a wrong password for its user name");
  }

  /** Of several places, the one that got furthest is reported. */
  #jwt(group: JwtGroup): GroupReason {
    let best: GroupReason | null = null;
    for (const source of group.sources) {
      const reason = this.#jwtAt(group, source);
      if (reason.matched) {
        return reason;
      }
      if (best === null || progress(reason) > progress(best)) {
        best = reason;
      }
    }
    if (best === null || best.why === "no_credential") {
      return no("no_credential", `found no JWT in ${group.sources.map(placeText).join(" or ")}`);
    }
    return best;
  }

  #jwtAt({ key, claims }: JwtGroup, source: CredentialLocation): GroupReason {
    const place = placeText(source);
    const found = this.#find(source, "JWT");
    if (typeof found !== "string") {
      return found;
    }
    const token = isAuthorization(source) ? bearerToken(found) : found;
    if (token === null) {
      return no("not_bearer", `found another scheme than Bearer in ${place}`);
    }
    const parsed = parseCompactToken(token);
    if (parsed === null) {
      return no("malformed_jwt", `found a malformed JWT in ${place}`);
    }
    const untimely = this.#untimely(parsed, place);
    if (untimely !== null) {
      return untimely;
    }
    if (parsed.algorithm !== key.algorithm) {
      return no(
        "algorithm_differs",
        `found a JWT in ${place} that is not signed with ${key.algorithm}`,
      );
    }
    for (const [name, rule] of claims) {
      if (!claimHolds(name, rule, parsed.claims)) {
        const isThere = claimFor(name, rule, parsed.claims) !== undefined;
        const how = isThere ? CLAIM_FAULTS[rule.kind] : "no";
        return no("claim_differs", `found a JWT in ${place} with ${how} claim ${name}`);
      }
    }
    const known = this.#signed.get(`${key.id} ${token}`);
    const signed = known ?? isSignedWith(parsed, key);
    this.#signed.set(`${key.id} ${token}`, signed);
    return signed
      ? yes("jwt_verified", `matched by the JWT in ${place}`)
      : no("bad_signature", `found a JWT in ${place} whose signature does not verify`);
  }

  #untimely({ fromS, untilS }: CompactToken, place: string): GroupReason | null {
    const { nowS } = this.#request;
    if (nowS >= untilS) {
      return no(
        "jwt_expired",
        `found a JWT in ${place} that expired at ${instant(untilS - clockSkewS)}`,
      );
    }
    if (nowS < fromS) {
      const start = instant(fromS + clockSkewS);
      return no("jwt_not_yet_valid", `found a JWT in ${place} that is not valid before ${start}`);
    }
    return null;
  }

  #find(location: CredentialLocation, what: string): string | GroupReason {
    const found = this.#request.look(location);
    if (found === "absent") {
      return no("no_credential", `found no ${what} in ${placeText(location)}`);
    }
    if (found === "ambiguous") {
      const place = placeText(location);
      return no("ambiguous_credential", `found ${place} empty, malformed or more than once`);
    }
    return found.text;
  }
}

/** What is wrong with a claim that is there. */
const CLAIM_FAULTS = {
  equals: "another value for",
  has: "a value that does not have what is wanted in",
} as const;

/** How far a JWT got: the order in which it is looked at. */
const PROGRESS: readonly GroupWhy[] = [
  "no_credential",
  "ambiguous_credential",
  "not_bearer",
  "malformed_jwt",
  "jwt_expired",
  "jwt_not_yet_valid",
  "algorithm_differs",
  "claim_differs",
  "bad_signature",
];

function progress({ why }: GroupReason): number {
  return PROGRESS.indexOf(why);
}

function isEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** The last moment that a Date can hold, in Unix milliseconds (ECMA-262 §21.4.1.1). */
export const dateMsMax = 8.64e15;

function instant(seconds: number): string {
  const ms = seconds * 1000;
  return Math.abs(ms) > dateMsMax ? "a time out of range" : new Date(ms).toISOString();
}

function yes(why: GroupWhy, text: string): GroupReason {
  return { matched: true, why, text };
}

function no(why: GroupWhy, text: string): GroupReason {
  return { matched: false, why, text };
}
