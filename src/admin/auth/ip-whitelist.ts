// IP whitelists of auth tokens: a list of IPv4 addresses and networks, or `*` alone for any address.
import type { Value } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { formatCidr, parseCidr, parseIpv4 } from "../../policy/address.ts";

export type Whitelist = readonly string[];

/** Matches every address, including IPv6. */
export const anywhere: Whitelist = ["*"];

const entriesMax = 1000;
/** Length of a list that is sent as one string. */
const charactersMax = 65_536;

/**
 * A list of strings, or one comma-separated string → the stored list: without duplicates, host bits of networks masked,
 * reduced to `*` when it contains `*`. Throws ApiError INVALID_IP_FORMAT, IP_WHITELIST_TOO_LARGE.
 */
export function whitelistOf(value: Value): Whitelist {
  const entries = entriesOf(value);
  if (entries.length > entriesMax) throw tooLarge();
  const list = new Set<string>();
  for (const entry of entries) {
    const canonical = canonicalEntry(entry.trim());
    if (canonical === null) throw badEntry();
    list.add(canonical);
  }
  if (list.size === 0) throw badEntry();
  return list.has("*") ? anywhere : [...list];
}

function entriesOf({ kind }: Value): string[] {
  if (kind.case === "stringValue") {
    if (kind.value.length > charactersMax) throw tooLarge();
    return kind.value.split(",");
  }
  if (kind.case !== "listValue") throw badEntry();
  return kind.value.values.map((each) => {
    if (each.kind.case !== "stringValue") throw badEntry();
    return each.kind.value;
  });
}

function tooLarge(): ApiError {
  const message = `must have at most ${entriesMax} entries and ${charactersMax} characters`;
  return new ApiError(ErrorCode.IP_WHITELIST_TOO_LARGE, [{ instancePath, message }]);
}

function badEntry(): ApiError {
  const message = "must be IPv4 addresses, networks `a.b.c.d/0` to `/32`, or `*`";
  return new ApiError(ErrorCode.INVALID_IP_FORMAT, [{ instancePath, message }]);
}

const instancePath = "/ip_whitelist";

function canonicalEntry(entry: string): string | null {
  if (entry === "*") return entry;
  if (!entry.includes("/")) return !entry.includes(":") && parseIpv4(entry) !== null ? entry : null;
  const network = parseCidr(entry);
  return network === null ? null : formatCidr(network.network, network.length);
}

/** Whether the list matches a client address. Only `*` matches IPv6. */
export function allowsAddress(list: Whitelist, address: string): boolean {
  if (list.includes("*")) return true;
  const ipv4 = parseIpv4(address);
  if (ipv4 === null) return false;
  return list.map(rangeOf).some(({ first, last }) => first <= ipv4 && ipv4 <= last);
}

/** Whether `list` is a subset of `bounds`. */
export function isWithin(list: Whitelist, bounds: Whitelist): boolean {
  if (bounds.includes("*")) return true;
  return !list.includes("*") && covered(list, bounds).length === list.length;
}

/**
 * The addresses that both lists match. May be empty, or have up to twice as many entries as a request may send; it is never
 * truncated.
 */
export function intersection(some: Whitelist, others: Whitelist): Whitelist {
  if (some.includes("*")) return others;
  if (others.includes("*")) return some;
  // Of two networks, one contains the other or they are disjoint.
  return [...new Set([...covered(some, others), ...covered(others, some)])];
}

/** The entries of `list` that lie completely inside `bounds`. */
function covered(list: Whitelist, bounds: Whitelist): Whitelist {
  const ranges = merged(bounds.map(rangeOf));
  return list.filter((entry) => {
    const { first, last } = rangeOf(entry);
    // Ranges are disjoint and sorted: only the last one that begins at or before `first` can contain it.
    const range = ranges.findLast((each) => each.first <= first);
    return range !== undefined && last <= range.last;
  });
}

/** IPv4 addresses as unsigned 32-bit numbers, both ends inclusive. */
interface Range {
  readonly first: number;
  readonly last: number;
}

function rangeOf(entry: string): Range {
  const network = parseCidr(entry.includes("/") ? entry : `${entry}/32`);
  if (network === null) throw new Error(`invalid entry in a stored IP whitelist: ${entry}`);
  const size = 2 ** (32 - network.length);
  return { first: network.network, last: network.network + size - 1 };
}

/** Sorts ranges and merges those that touch or overlap. */
function merged(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const range of ranges.toSorted((one, other) => one.first - other.first)) {
    const before = result.at(-1);
    if (before === undefined || range.first > before.last + 1) result.push(range);
    else result[result.length - 1] = { ...before, last: Math.max(before.last, range.last) };
  }
  return result;
}
