// IP whitelists of auth tokens: a list of IPv4 addresses and networks, or `*` alone for any address.
import type { Value } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  formatCidr,
  type Network,
  parseCidr,
  parseIpv4,
  parseNetwork,
} from "../../policy/address.ts";
import { AddressSet } from "../../policy/address-set.ts";

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
  return ipv4 !== null && compiled(list).hasIpv4(ipv4);
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
  const network = parseNetwork(entry.includes("/") ? entry : `${entry}/32`);
  if (network === null) throw new Error(`a stored address list has ${entry}`);
  return network;
}
