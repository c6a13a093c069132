// IP whitelists of auth tokens: a list of addresses and networks, or `*` alone for any address.
import type { Value } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { type Network, parseAddress, parseNetwork } from "../../policy/address.ts";
import { AddressSet } from "../../policy/address-set.ts";
import { formatRange, parseAddressKey, parseRange } from "../../policy/ip-range.ts";

export type Whitelist = readonly string[];

/** Matches every address of both families, and one that is not known. */
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
  const message =
    "must be IPv4 or IPv6 addresses without a zone, networks such as `a.b.c.d/24` or `a:b::/64`, or `*`";
  return new ApiError(ErrorCode.INVALID_IP_FORMAT, [{ instancePath, message }]);
}

const instancePath = "/ip_whitelist";

function canonicalEntry(entry: string): string | null {
  if (entry === "*") return entry;
  if (entry.includes("/")) {
    const range = parseRange(entry);
    return range === null ? null : formatRange(range);
  }
  const address = parseAddress(entry);
  // IPv4-mapped addresses are written as IPv4, like networks of them.
  const isMapped = address?.kind() === "ipv4" && entry.includes(":");
  return address === null || isMapped ? null : address.toString();
}

/** Whether the list matches a client address. IPv4-mapped addresses are IPv4. */
export function allowsAddress(list: Whitelist, address: string): boolean {
  if (list.includes("*")) return true;
  const key = parseAddressKey(address);
  return key !== null && compiled(list).hasKey(key);
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
  const set = compiled(bounds);
  return list.filter((entry) => set.covers(networkOf(entry)));
}

/** Lists that tokens in use have; with the longest lists that is some 5 MB. */
const compiledMax = 64;
/** By the entries of the list; the least recently used first. */
const known = new Map<string, AddressSet>();

function compiled(list: Whitelist): AddressSet {
  const key = list.join();
  const set = known.get(key) ?? new AddressSet(list.map(networkOf));
  known.delete(key);
  known.set(key, set);
  for (const oldest of known.keys()) {
    if (known.size <= compiledMax) break;
    known.delete(oldest);
  }
  return set;
}

function networkOf(entry: string): Network {
  const network = parseNetwork(
    entry.includes("/") ? entry : `${entry}/${entry.includes(":") ? 128 : 32}`,
  );
  if (network === null) throw new Error(`a stored address list has ${entry}`);
  return network;
}
