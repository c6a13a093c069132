import { isExactNumberText } from "../json/exact-number.ts";
import { jsonFaultKinds } from "../json/json-faults.ts";

/**
 * A JSON Web Token whose form is right; whether it is genuine is for the signature to say. It holds for
 * `fromS <= now < untilS` (unix seconds, clock skew included).
 */
export interface CompactToken {
  readonly algorithm: string;
  /** Numbers that a double does not hold exactly are InexactNumber, at every depth. */
  readonly claims: ReadonlyMap<string, unknown>;
  readonly fromS: number;
  readonly untilS: number;
  /** What is signed: header and claims, encoded (RFC 7515 §5.2). */
  readonly signingInput: string;
  readonly signature: Uint8Array;
}

/** A number that stands for several decimals: equal to nothing, itself included. `value` is the nearest double. */
export class InexactNumber {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** UTF-16 units of a whole token: 8 KiB, for it is ASCII. Longer ones are not looked at. */
export const tokenCharsMax = 8192;
/** How far our clock and the issuer's may differ. */
export const clockSkewS = 30;

const THREE_PARTS = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;
/** Last characters whose unused bits are 0, by length modulo 4 (RFC 4648 §3.5): 4 bits unused, then 2. */
const CANONICAL_END: readonly (RegExp | null)[] = [/./, null, /[AQgw]$/, /[AEIMQUYcgkosw048]$/];
const UTF_8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a compact token strictly: three parts of canonical unpadded base64url, header and claims JSON objects in UTF-8
 * (RFC 7515 §7.1, RFC 7519 §7.2). Null for any other, for a header with `crit` or `b64`, which ask for what we do not
 * do, and for `exp` or `nbf` that are no finite numbers. Equal names in one object are refused (RFC 7515 §4, RFC 7519 §4).
 * `kid`, `jwk`, `jku`, `x5u`, `x5c` and `iat` are not looked at.
 */
export function parseCompactToken(token: string): CompactToken | null {
  const parts = token.length > tokenCharsMax ? null : THREE_PARTS.exec(token);
  if (parts === null || !parts.slice(1).every(isCanonical)) {
    return null;
  }
  const header = parseObject(parts[1] ?? "");
  const algorithm = header?.get("alg");
  if (!header || typeof algorithm !== "string" || header.has("crit") || header.has("b64")) {
    return null;
  }
  const claims = parseObject(parts[2] ?? "");
  const expiryS = claims && timeOf(claims, "exp", Number.POSITIVE_INFINITY);
  const notBeforeS = claims && timeOf(claims, "nbf", Number.NEGATIVE_INFINITY);
  if (claims === null || expiryS === null || notBeforeS === null) {
    return null;
  }
  return {
    algorithm,
    claims,
    fromS: notBeforeS - clockSkewS,
    untilS: expiryS + clockSkewS,
    signingInput: token.slice(0, token.lastIndexOf(".")),
    signature: Buffer.from(parts[3] ?? "", "base64url"),
  };
}

function isCanonical(part: string): boolean {
  return CANONICAL_END[part.length % 4]?.test(part) ?? false;
}

function parseObject(part: string): ReadonlyMap<string, unknown> | null {
  try {
    const text = UTF_8.decode(Buffer.from(part, "base64url"));
    const value = parseExactly(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? new Map(Object.entries(value))
      : null;
  } catch {
    return null;
  }
}

/** Throws for what is not JSON; undefined when an object has equal names. */
function parseExactly(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const faults = jsonFaultKinds(text);
  if (faults.has("duplicate")) {
    return undefined;
  }
  return faults.has("number") ? JSON.parse(text, markInexact) : value;
}

/** Reviver with the text of each number (ECMA-262, JSON.parse source text access). */
function markInexact(
  _name: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  return typeof value === "number" && !isExactNumberText(context?.source ?? "")
    ? new InexactNumber(value)
    : value;
}

function timeOf(claims: ReadonlyMap<string, unknown>, name: string, absent: number): number | null {
  if (!claims.has(name)) {
    return absent;
  }
  const claim = claims.get(name);
  // Times are compared by order: the nearest double is near enough.
  const value = claim instanceof InexactNumber ? claim.value : claim;
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
