// What a jwt group asks of one claim of a token.
import { isExactNumber } from "../json/exact-number.ts";

export type ClaimValue = string | number | boolean;

/**
 * `equals`: the claim of exactly this name is strictly equal. `has`: the claim contains the value; the name may be a dotted way to a
 * nested claim. The forms are in docs/permission-documents.md.
 */
export interface ClaimRule {
  readonly kind: "equals" | "has";
  readonly value: ClaimValue;
  /** `has` only: the names of a dotted name. */
  readonly path: readonly string[];
}

/** A claim's name and its value each, in UTF-16 units. */
export const claimCharsMax = 8192;

/** Reads one entry of `claims`: a rule, or why it is none. */
export function parseClaimRule(name: string, sent: unknown): ClaimRule | string {
  const wanted = wantedBy(sent);
  const { value } = wanted;
  if (typeof value === "number" && !isExactNumber(value)) {
    return "must be a number that is kept exactly: no integer beyond ±9007199254740991; use a text";
  }
  if (typeof value !== "string" && typeof value !== "boolean" && typeof value !== "number") {
    return 'must be a string, a finite number, a boolean, or {"has": one of these}';
  }
  if (wanted.kind === "has" && value === "") {
    return "must not be empty";
  }
  if (name.length > claimCharsMax || String(value).length > claimCharsMax) {
    return `may have at most ${claimCharsMax} characters`;
  }
  return { kind: wanted.kind, value, path: wanted.kind === "has" ? name.split(".") : [] };
}

/** An object is the explicit form only when `has` is all that it has. */
function wantedBy(sent: unknown): { readonly kind: ClaimRule["kind"]; readonly value: unknown } {
  if (!isObject(sent)) {
    return { kind: "equals", value: sent };
  }
  const fields = Object.keys(sent);
  return { kind: "has", value: fields.length === 1 ? own(sent, "has") : undefined };
}

/**
 * Whether the claims of a token satisfy a rule. Equality is strict; an array `aud` must contain the value (RFC 7519 §4.1.3). `has`
 * asks an array for an equal item, a text for an equal word between spaces (as `scope`, RFC 8693 §4.2), and no other value.
 */
export function claimHolds(
  name: string,
  rule: ClaimRule,
  claims: ReadonlyMap<string, unknown>,
): boolean {
  const actual = claimFor(name, rule, claims);
  if (rule.kind === "equals") {
    return name === "aud" && Array.isArray(actual)
      ? actual.includes(rule.value)
      : actual === rule.value;
  }
  if (Array.isArray(actual)) {
    return actual.includes(rule.value);
  }
  return typeof actual === "string" && actual.split(" ").some((word) => word === rule.value);
}

/** The claim that a rule looks at; undefined when the token has none. */
export function claimFor(
  name: string,
  { kind, path }: ClaimRule,
  claims: ReadonlyMap<string, unknown>,
): unknown {
  // A claim of the whole name comes first: names such as https://example.com/roles have dots.
  if (kind === "equals" || claims.has(name)) {
    return claims.get(name);
  }
  const [first = "", ...rest] = path;
  let claim = claims.get(first);
  for (const step of rest) {
    claim = isObject(claim) ? own(claim, step) : undefined;
  }
  return claim;
}

/** Only own properties of JSON objects count: neither inherited ones nor those of arrays and our own classes. */
function isObject(value: unknown): value is object {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    PLAIN.has(Object.getPrototypeOf(value))
  );
}

const PLAIN: ReadonlySet<unknown> = new Set([Object.prototype, null]);

function own(from: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(from, name)?.value;
}

/** Rules shown in one text, and characters of each name and value. */
const rulesShownMax = 4;
const shownCharsMax = 64;

/** Rules of the explicit form: ` where roles has "admin", ids has 3`; empty without. Equality is in the document only. */
export function describeClaims(rules: ReadonlyMap<string, ClaimRule>): string {
  const explicit = [...rules].filter(([, { kind }]) => kind === "has");
  if (explicit.length === 0) {
    return "";
  }
  const shown = explicit.slice(0, rulesShownMax).map(([name, { value }]) => {
    const text = typeof value === "string" ? JSON.stringify(shortened(value)) : String(value);
    return `${shortened(name)} has ${text}`;
  });
  const more = explicit.length - shown.length;
  return ` where ${shown.join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
}

function shortened(text: string): string {
  const characters = Array.from(text.slice(0, 2 * shownCharsMax));
  return characters.length <= shownCharsMax && text.length <= 2 * shownCharsMax
    ? text
    : `${characters.slice(0, shownCharsMax).join("")}…`;
}
