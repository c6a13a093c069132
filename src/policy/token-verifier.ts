import type { KeyObject } from "node:crypto";
import { compactVerify } from "jose";
import { type GroupSet, setOf } from "./bitset.ts";
import { type CompactToken, parseCompactToken, tokenCharsMax } from "./compact-token.ts";
import type { ClaimValue } from "./group.ts";
import type { JwtAlgorithm, JwtKey } from "./jwt-key.ts";

/** A genuine token: the groups it matches while `fromS <= now < untilS` (unix seconds, clock skew included). */
export interface VerifiedToken {
  readonly groups: GroupSet;
  readonly fromS: number;
  readonly untilS: number;
}

/** What one jwt group asks of a token at the place this verifier is for. */
export interface GroupJwt {
  readonly group: number;
  readonly key: JwtKey;
  readonly claims: ReadonlyMap<string, ClaimValue>;
}

/** Verified tokens remembered by all verifiers of one document together. */
export const verifiedTokensMax = 1024;
/** UTF-16 units of the remembered tokens of one document together: 1 MiB, for tokens are ASCII. */
export const verifiedCharsMax = 1 << 20;

/** Groups that share a key: one signature check answers for all of them. */
interface KeyGroups {
  readonly algorithm: JwtAlgorithm;
  readonly material: Uint8Array | KeyObject;
  readonly groups: readonly GroupJwt[];
}

/**
 * Verifies the tokens of one place (a header or a cookie) for all jwt groups that read it. It remembers the tokens it
 * verified, by their exact text; what it remembers is dropped with the compiled policy it belongs to.
 */
export class TokenVerifier {
  readonly #groups: number;
  readonly #keys: readonly KeyGroups[];
  readonly #tokensMax: number;
  readonly #charsMax: number;
  readonly #verified = new Map<string, VerifiedToken>();
  #chars = 0;

  /** `share`: the number of verifiers of the document, which divide what may be remembered. */
  constructor(groups: number, jwts: readonly GroupJwt[], share: number) {
    this.#groups = groups;
    this.#keys = Array.from(Map.groupBy(jwts, ({ key }) => key.id).values(), (own): KeyGroups[] => {
      const [first] = own;
      return first === undefined ? [] : [{ ...first.key, groups: own }];
    }).flat();
    this.#tokensMax = Math.floor(verifiedTokensMax / share);
    this.#charsMax = Math.max(tokenCharsMax, Math.floor(verifiedCharsMax / share));
  }

  /**
   * The groups this token matches now, or null. A promise only when a signature has to be checked: all that is cheap
   * is checked before, a key that several groups share is tried once. Never throws or rejects.
   */
  verify(token: string, nowS: number): VerifiedToken | null | Promise<VerifiedToken | null> {
    const known = this.#verified.get(token);
    if (known !== undefined) {
      return this.#stillHolds(token, known, nowS);
    }
    const parsed = parseCompactToken(token);
    if (parsed === null || nowS < parsed.fromS || nowS >= parsed.untilS) {
      return null;
    }
    const candidates = this.#keys
      .filter(({ algorithm }) => algorithm === parsed.algorithm)
      .map((key) => ({ key, groups: key.groups.filter(({ claims }) => holds(claims, parsed)) }))
      .filter(({ groups }) => groups.length > 0);
    return candidates.length === 0 ? null : this.#checkSignatures(token, parsed, candidates);
  }

  #stillHolds(token: string, known: VerifiedToken, nowS: number): VerifiedToken | null {
    if (nowS >= known.untilS) {
      this.#forget(token);
      return null;
    }
    return nowS < known.fromS ? null : known;
  }

  async #checkSignatures(
    token: string,
    { fromS, untilS }: CompactToken,
    candidates: readonly { readonly key: KeyGroups; readonly groups: readonly GroupJwt[] }[],
  ): Promise<VerifiedToken | null> {
    const matched: number[] = [];
    for (const { key, groups } of candidates) {
      if (await isSignedWith(token, key)) {
        matched.push(...groups.map(({ group }) => group));
      }
    }
    if (matched.length === 0) {
      return null;
    }
    const verified = { groups: setOf(this.#groups, matched), fromS, untilS };
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
}

function holds(wanted: ReadonlyMap<string, ClaimValue>, token: CompactToken): boolean {
  for (const [name, value] of wanted) {
    if (!claimHolds(name, value, token)) {
      return false;
    }
  }
  return true;
}

/** A claim is strictly equal; an array `aud` must contain the value (RFC 7519 §4.1.3). */
export function claimHolds(name: string, value: ClaimValue, { claims }: CompactToken): boolean {
  const actual = claims.get(name);
  return name === "aud" && Array.isArray(actual) ? actual.includes(value) : actual === value;
}

/** The algorithm is the key's, never the token's. A key that cannot be used verifies nothing. */
export async function isSignedWith(
  token: string,
  { algorithm, material }: Pick<JwtKey, "algorithm" | "material">,
): Promise<boolean> {
  try {
    await compactVerify(token, material, { algorithms: [algorithm] });
    return true;
  } catch {
    return false;
  }
}
