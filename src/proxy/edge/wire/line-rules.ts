// Which field lines end at this gate: the rules of upstream/header-rules.ts, over spans.
import { SP } from "../../../http1/characters.ts";
import type { HeaderLines } from "../../../http1/header-lines.ts";
import { Known } from "../../../http1/known-header.ts";
import type { MessageHead } from "../../../http1/message-head.ts";
import type { CredentialLocation } from "../../../policy/credential-location.ts";
import { METHOD_FIELDS, TARGET_FIELDS } from "../../routing/request-overrides.ts";
import { HOP_BY_HOP, IMITATED_FIELDS, KEPT_FROM_CONNECTION } from "../../upstream/header-rules.ts";

/** Trailer and Transfer-Encoding go with a body that is passed on as it is. */
const CONNECTION_LINES: ReadonlySet<number> = new Set(
  HOP_BY_HOP.filter((name) => name !== "trailer" && name !== "transfer-encoding").map(
    (name) => Known[name],
  ),
);

const KEPT: ReadonlySet<number> = new Set(KEPT_FROM_CONNECTION.map((name) => Known[name]));

const FORWARDED = Buffer.from("forwarded");
const X_FORWARDED = Buffer.from("x-forwarded-");
const X_REAL_IP = Buffer.from("x-real-ip");
const X_REALMGATE = Buffer.from("x-realmgate-");
/** Fields that name another method: hooks have seen those of the head alone. */
export const METHOD_NAMES = METHOD_FIELDS.map((name) => Buffer.from(name));
/** By length, for a look at each line that costs little. */
const TARGET_NAMES = byLength(TARGET_FIELDS);
const IMITATED_NAMES = byLength([...METHOD_FIELDS, ...IMITATED_FIELDS]);
const CHUNKED = Buffer.from("chunked");
const DASH = 0x2d;
const ZERO = 0x30;
const NO_SOURCES: readonly CredentialLocation[] = [];

/** What a name claims, however it is spelled. */
export const Claim = {
  none: 0,
  /** A forwarding header: a trusted peer may send it. */
  forwarding: 1,
  /** The same, or a field that names a method or belongs to the connection, with another character for `-`: only an imitation. */
  imitation: 2,
  /** `X-Realmgate-*`. */
  gate: 3,
  /** Another target than the one that was decided on. */
  target: 4,
} as const;

export type Claim = (typeof Claim)[keyof typeof Claim];

export function claimOf(lines: HeaderLines, line: number): Claim {
  const known = lines.known(line);
  if (known !== Known.other) {
    return known >= Known.forwarded && known <= Known["x-real-ip"] && known !== Known.via
      ? Claim.forwarding
      : Claim.none;
  }
  const { bytes } = lines;
  const start = lines.nameStart(line);
  const end = lines.nameEnd(line);
  if (isOneOf(TARGET_NAMES, bytes, start, end)) return Claim.target;
  const first = (bytes[start] as number) | 0x20;
  if (first === 0x78 || first === 0x66) {
    if (foldedStartsWith(bytes, start, end, X_REALMGATE)) return Claim.gate;
    const is = (lower: Uint8Array) => foldedEquals(bytes, start, end, lower);
    if (foldedStartsWith(bytes, start, end, X_FORWARDED) || is(FORWARDED) || is(X_REAL_IP)) {
      return isSpelledApart(bytes, start, end) ? Claim.imitation : Claim.forwarding;
    }
  }
  return isOneOf(IMITATED_NAMES, bytes, start, end) && isSpelledApart(bytes, start, end)
    ? Claim.imitation
    : Claim.none;
}

function byLength(names: readonly string[]): readonly (readonly Uint8Array[] | undefined)[] {
  const lists: Uint8Array[][] = [];
  for (const name of names) {
    const list = lists[name.length] ?? [];
    lists[name.length] = [...list, Buffer.from(name)];
  }
  return lists;
}

function isOneOf(
  names: readonly (readonly Uint8Array[] | undefined)[],
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  const candidates = names[end - start];
  if (candidates === undefined) return false;
  for (const lower of candidates) {
    if (foldedStartsWith(bytes, start, end, lower)) return true;
  }
  return false;
}

/** Whether a line belongs to the connection on which it came. Connection cannot name one of the `sources`. */
export function endsHere(
  head: MessageHead,
  line: number,
  passesChunks: boolean,
  sources = NO_SOURCES,
): boolean {
  const known = head.known(line);
  if (CONNECTION_LINES.has(known)) return true;
  if (known === Known["transfer-encoding"] || known === Known.trailer) return !passesChunks;
  return (
    head.optionCount > 0 &&
    head.isNamedByConnection(line) &&
    !KEPT.has(known) &&
    !isAt(head, line, sources) &&
    claimOf(head, line) !== Claim.forwarding
  );
}

/** Whether the name of a line is that of one of these places. */
export function isAt(
  lines: HeaderLines,
  line: number,
  places: readonly CredentialLocation[],
): boolean {
  return places.some(
    (place) => isLike(lines, line, place) && lines.name(line).toLowerCase() === place.name,
  );
}

/** Whether programs read a line as one of these places: in its name any character may stand for `-`. */
export function isReadAs(
  lines: HeaderLines,
  line: number,
  places: readonly CredentialLocation[],
): boolean {
  return places.some((place) => isLike(lines, line, place));
}

function isLike(lines: HeaderLines, line: number, { kind, name }: CredentialLocation): boolean {
  const start = lines.nameStart(line);
  if (kind !== "header" || lines.nameEnd(line) - start !== name.length) return false;
  for (let k = 0; k < name.length; k++) {
    if (folded(lines.bytes[start + k] as number) !== folded(name.charCodeAt(k))) return false;
  }
  return true;
}

/**
 * Whether a line of framing is spelled in a way that somebody reads otherwise: `CHUNKED` as no coding, `010` as eight, spaces behind
 * the value as a part of it.
 */
export function isOddFraming(lines: HeaderLines, line: number): boolean {
  const { bytes } = lines;
  if (bytes[lines.valueEnd(line)] === SP) return true;
  return lines.known(line) === Known["transfer-encoding"]
    ? !lines.valueEquals(line, CHUNKED)
    : bytes[lines.valueStart(line)] === ZERO && lines.valueEnd(line) - lines.valueStart(line) > 1;
}

function foldedEquals(bytes: Uint8Array, start: number, end: number, lower: Uint8Array): boolean {
  return end - start === lower.length && foldedStartsWith(bytes, start, end, lower);
}

/** Whether something else than letters, digits and `-` is in the name. */
function isSpelledApart(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte !== DASH && folded(byte) === DASH) return true;
  }
  return false;
}

/** In lower case; whatever is neither letter nor digit is `-`, see `stripForwardedHeaders`. */
function folded(byte: number): number {
  const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
  const isPlain = (lower >= 0x61 && lower <= 0x7a) || (lower >= 0x30 && lower <= 0x39);
  return isPlain ? lower : DASH;
}

/** Whether the name begins with `lower`, folded. */
function foldedStartsWith(
  bytes: Uint8Array,
  start: number,
  end: number,
  lower: Uint8Array,
): boolean {
  if (end - start < lower.length) return false;
  for (let k = 0; k < lower.length; k++) {
    if (folded(bytes[start + k] as number) !== lower[k]) return false;
  }
  return true;
}
