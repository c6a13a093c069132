import { hash } from "node:crypto";
import { type GroupSet, setOf } from "./bitset.ts";
import { type ClaimRule, claimHolds } from "./claim.ts";
import { type CompactToken, parseCompactToken, tokenCharsMax } from "./compact-token.ts";
import type { JwtKey } from "./jwt-key.ts";
import type { SignatureBudget } from "./signature-budget.ts";
import { isSignedWith } from "./token-signature.ts";

/** A genuine token: the groups it matches while `fromS <= now < untilS` (unix seconds, clock skew included). */
export interface VerifiedToken {
  readonly groups: GroupSet;
  readonly fromS: number;
  readonly untilS: number;
  /** Its claim `sub`, at most 255 characters; null: it has none. */
  readonly subject: string | null;
}

/** Characters of a subject that are kept: a user name of a group has no more. */
const subjectCharsMax = 255;

/**
 * Why a token matches no group: `untimely` when it is outside its time and was or may be genuine, which a client cannot know;
 * `invalid` for every other reason.
 */
export type TokenFault = "untimely" | "invalid";

/** What one jwt group asks of a token at the place this verifier is for. */
export interface GroupJwt {
  readonly group: number;
  readonly key: JwtKey;
  readonly claims: ReadonlyMap<string, ClaimRule>;
}

/** Verified tokens remembered by all verifiers of one document together. */
export const verifiedTokensMax = 1024;
/** UTF-16 units of the remembered tokens of one document together: 1 MiB, for tokens are ASCII. */
export const verifiedCharsMax = 1 << 20;
/** Digests of forged tokens remembered by all verifiers of one document together. */
export const forgedTokensMax = 1024;

/** Groups that share a key: one signature check answers for all of them. */
interface KeyGroups {
  readonly key: JwtKey;
  readonly groups: readonly GroupJwt[];
}

/**
 * Verifies the tokens of one place (a header or a cookie) for all jwt groups that read it. It remembers the tokens it
 * verified, by their exact text, and those that none of its keys has signed, by digest; what it remembers is dropped with the
 * compiled policy it belongs to.
 */
export class TokenVerifier {
  readonly #groups: number;
  readonly #keys: readonly KeyGroups[];
  readonly #tokensMax: number;
  readonly #charsMax: number;
  readonly #forgedMax: number;
  readonly #verified = new Map<string, VerifiedToken>();
  readonly #forged = new Set<string>();
  #chars = 0;

  /** `share`: the number of verifiers of the document, which divide what may be remembered. */
  constructor(groups: number, jwts: readonly GroupJwt[], share: number) {
    this.#groups = groups;
    this.#keys = Array.from(Map.groupBy(jwts, ({ key }) => key.id).values(), (own): KeyGroups[] => {
      const [first] = own;
      return first === undefined ? [] : [{ key: first.key, groups: own }];
    }).flat();
    this.#tokensMax = Math.floor(verifiedTokensMax / share);
    this.#charsMax = Math.max(tokenCharsMax, Math.floor(verifiedCharsMax / share));
    this.#forgedMax = Math.floor(forgedTokensMax / share);
  }

  /**
   * The groups this token matches now, or why it matches none. All that is cheap is checked before signatures, and a key that several
   * groups share is tried once. `client` is the address whose checks `signatures` bounds; null: they are not bounded. A promise only when the client's checks of this turn are used up. Never throws or rejects.
   */
  verify(
    token: string,
    nowS: number,
    client = "",
    signatures: SignatureBudget | null = null,
  ): VerifiedToken | TokenFault | Promise<VerifiedToken | TokenFault> {
    const known = this.#verified.get(token);
    if (known !== undefined) {
      return this.#stillHolds(token, known, nowS);
    }
    const parsed = parseCompactToken(token);
    const candidates = parsed === null ? [] : this.#candidates(parsed);
    if (parsed === null || candidates.length === 0) {
      return "invalid";
    }
    // Before the signature: whether it holds later is looked at again then, and nothing is remembered now.
    if (nowS < parsed.fromS || nowS >= parsed.untilS) {
      return "untimely";
    }
    const digest = hash("sha256", token, "latin1");
    if (this.#forged.has(digest)) {
      return "invalid";
    }
    const check: Check = { token, digest, parsed, candidates, tried: 0, matched: [] };
    while (check.tried < candidates.length) {
      if (signatures !== null && !signatures.take(client)) {
        return this.#checkLater(check, client, signatures);
      }
      tryNext(check);
    }
    return this.#concluded(check);
  }

  /** Keys that may have signed this token for groups whose claims it has. */
  #candidates(parsed: CompactToken): KeyGroups[] {
    return this.#keys
      .filter(
        ({ key }) =>
          key.algorithm === parsed.algorithm && key.signatureBytes === parsed.signature.length,
      )
      .map(({ key, groups }) => ({
        key,
        groups: groups.filter(({ claims }) => holds(claims, parsed)),
      }))
      .filter(({ groups }) => groups.length > 0);
  }

  #stillHolds(token: string, known: VerifiedToken, nowS: number): VerifiedToken | TokenFault {
    if (nowS >= known.untilS) {
      this.#forget(token);
      return "untimely";
    }
    return nowS < known.fromS ? "untimely" : known;
  }

  async #checkLater(
    check: Check,
    client: string,
    signatures: SignatureBudget,
  ): Promise<VerifiedToken | TokenFault> {
    while (check.tried < check.candidates.length) {
      await signatures.wait(client);
      // The same token may have been checked meanwhile.
      if (this.#forged.has(check.digest)) {
        return "invalid";
      }
      tryNext(check);
    }
    return this.#concluded(check);
  }

  /** Every candidate was tried. */
  #concluded({ token, digest, parsed, matched }: Check): VerifiedToken | TokenFault {
    if (matched.length === 0) {
      this.#rememberForged(digest);
      return "invalid";
    }
    const { fromS, untilS, claims } = parsed;
    const sub = claims.get("sub");
    const subject = typeof sub === "string" && sub !== "" ? sub.slice(0, subjectCharsMax) : null;
    const verified = { groups: setOf(this.#groups, matched), fromS, untilS, subject };
    this.#remember(token, verified);
    return verified;
  }

  /** The oldest go first. Requests that verified the same token side by side remember it once. */
  #remember(token: string, verified: VerifiedToken): void {
    this.#forget(token);
    this.#verified.set(token, verified);
    this.#chars += token.length;
    for (const oldest of this.#verified.keys()) {
      if (this.#verified.size <= this.#tokensMax && this.#chars <= this.#charsMax) {
        break;
      }
      this.#forget(oldest);
    }
  }

  #forget(token: string): void {
    if (this.#verified.delete(token)) {
      this.#chars -= token.length;
    }
  }

  /** By digest: no other token can be made to have it. Keys and claims never change, so it stays forged. */
  #rememberForged(digest: string): void {
    this.#forged.add(digest);
    const [oldest] = this.#forged;
    if (this.#forged.size > this.#forgedMax && oldest !== undefined) {
      this.#forged.delete(oldest);
    }
  }
}

/** One token on its way through the keys that may have signed it. */
interface Check {
  readonly token: string;
  readonly digest: string;
  readonly parsed: CompactToken;
  readonly candidates: readonly KeyGroups[];
  /** Candidates that were tried. */
  tried: number;
  /** Groups whose key has signed it. */
  readonly matched: number[];
}

function tryNext(check: Check): void {
  const candidate = check.candidates[check.tried++];
  if (candidate !== undefined && isSignedWith(check.parsed, candidate.key)) {
    check.matched.push(...candidate.groups.map(({ group }) => group));
  }
}

function holds(rules: ReadonlyMap<string, ClaimRule>, { claims }: CompactToken): boolean {
  for (const [name, rule] of rules) {
    if (!claimHolds(name, rule, claims)) {
      return false;
    }
  }
  return true;
}
