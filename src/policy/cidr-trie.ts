import { addTo, type GroupSet, setOf } from "./bitset.ts";
import type { AddressKey, IpRange, Ipv6Key } from "./ip-range.ts";
import { longestPrefix, type Prefix, type PrefixTrie, prefixTrie } from "./prefix-trie.ts";

/** One ip group. */
export interface NetworkGroup {
  readonly range: IpRange;
  readonly group: number;
}

/**
 * What the entries of a trie match. The groups of an entry are its own, `own[firsts[entry]]` to `own[firsts[entry + 1] - 1]`, and
 * those of all networks that cover it: the longest match answers for all groups.
 */
interface FamilyTrie {
  readonly trie: PrefixTrie;
  readonly own: Uint16Array;
  readonly firsts: Uint16Array;
  /** By entry: the entry of the longest other network that covers it. */
  readonly parents: Uint16Array;
  /** By entry: its groups, once an address has matched it. A set of a thousand groups has 32 words, too many to make them all ahead. */
  readonly sets: GroupSet[];
}

/** Both families, kept apart: no IPv4 network has an IPv6 address in it, nor the other way round. */
export interface CidrTrie {
  readonly ipv4: FamilyTrie;
  readonly ipv6: FamilyTrie;
  /** What addresses in no network match: always this very set. */
  readonly noGroups: GroupSet;
}

/** The groups whose network contains this address. At most a step for each bit; allocates only for the first match of a network. */
export function longestMatch(networks: CidrTrie, address: AddressKey): GroupSet {
  if (typeof address !== "number") {
    return longestMatch6(networks, address);
  }
  const entry = longestPrefix(networks.ipv4.trie, 32, address);
  return entry === 0 ? networks.noGroups : groupsOf(networks.ipv4, entry, networks.noGroups);
}

function longestMatch6({ ipv6, noGroups }: CidrTrie, [a, b, c, d]: Ipv6Key): GroupSet {
  const entry = longestPrefix(ipv6.trie, 128, a, b, c, d);
  return entry === 0 ? noGroups : groupsOf(ipv6, entry, noGroups);
}

function groupsOf(family: FamilyTrie, entry: number, noGroups: GroupSet): GroupSet {
  return family.sets[entry] ?? firstMatch(family, entry, noGroups);
}

function firstMatch(family: FamilyTrie, entry: number, { length }: GroupSet): GroupSet {
  const { own, firsts, parents, sets } = family;
  const groups = new Uint32Array(length);
  for (let each = entry; each !== 0; each = at(parents, each)) {
    for (let i = at(firsts, each); i < at(firsts, each + 1); i++) {
      addTo(groups, at(own, i));
    }
  }
  // With its full length at once it stays an array of one block.
  sets.length = firsts.length;
  sets[entry] = groups;
  return groups;
}

/** Compiles the ip groups of a document with `groups` groups in all. */
export function buildTrie(groups: number, networkGroups: readonly NetworkGroup[]): CidrTrie {
  const family = (keyWords: number): FamilyTrie =>
    familyTrie(
      keyWords,
      networkGroups.filter(({ range }) => range.key.length === keyWords),
    );
  return { ipv4: family(1), ipv6: family(4), noGroups: setOf(groups, []) };
}

function familyTrie(keyWords: number, networkGroups: readonly NetworkGroup[]): FamilyTrie {
  const byRange = Map.groupBy(networkGroups, ({ range }) => textOf(range));
  const { trie, prefixes, parents } = prefixTrie(
    keyWords,
    networkGroups.map(({ range }) => range),
  );
  const own: number[] = [];
  const firsts = [0];
  for (const prefix of prefixes) {
    firsts.push(own.length);
    own.push(...(byRange.get(textOf(prefix)) ?? []).map(({ group }) => group));
  }
  firsts.push(own.length);
  return {
    trie,
    own: Uint16Array.from(own),
    firsts: Uint16Array.from(firsts),
    parents: Uint16Array.from(parents),
    sets: [],
  };
}

function textOf({ key, length }: Prefix): string {
  return `${key.join()}/${length}`;
}

function at(numbers: Uint16Array, index: number): number {
  return numbers[index] ?? 0;
}
