import { type GroupSet, setOf, union } from "./bitset.ts";
import type { AddressKey, IpRange, Ipv6Key } from "./ip-range.ts";
import { longestPrefix, type Prefix, type PrefixTrie, prefixTrie } from "./prefix-trie.ts";

/** One ip group. */
export interface NetworkGroup {
  readonly range: IpRange;
  readonly group: number;
}

/** `sets` has the groups of each entry of a trie and of all networks that cover it: the longest match answers for all groups. */
interface FamilyTrie {
  readonly trie: PrefixTrie;
  readonly sets: readonly GroupSet[];
}

/** Both families, kept apart: no IPv4 network has an IPv6 address in it, nor the other way round. Immutable. */
export interface CidrTrie {
  readonly ipv4: FamilyTrie;
  readonly ipv6: FamilyTrie;
  /** What addresses in no network match: always this very set. */
  readonly noGroups: GroupSet;
}

/** The groups whose network contains this address. At most a step for each bit, no allocation. */
export function longestMatch(networks: CidrTrie, address: AddressKey): GroupSet {
  if (typeof address !== "number") {
    return longestMatch6(networks, address);
  }
  const { trie, sets } = networks.ipv4;
  return sets[longestPrefix(trie, 32, address)] ?? networks.noGroups;
}

function longestMatch6({ ipv6, noGroups }: CidrTrie, [a, b, c, d]: Ipv6Key): GroupSet {
  return ipv6.sets[longestPrefix(ipv6.trie, 128, a, b, c, d)] ?? noGroups;
}

/** Compiles the ip groups of a document with `groups` groups in all. */
export function buildTrie(groups: number, networkGroups: readonly NetworkGroup[]): CidrTrie {
  const noGroups = setOf(groups, []);
  const family = (keyWords: number): FamilyTrie =>
    familyTrie(
      keyWords,
      networkGroups.filter(({ range }) => range.key.length === keyWords),
      (members) => setOf(groups, members),
    );
  return { ipv4: family(1), ipv6: family(4), noGroups };

  function familyTrie(
    keyWords: number,
    own: readonly NetworkGroup[],
    groupSet: (members: readonly number[]) => GroupSet,
  ): FamilyTrie {
    const byRange = Map.groupBy(own, ({ range }) => textOf(range));
    const { trie, prefixes, parents } = prefixTrie(
      keyWords,
      own.map(({ range }) => range),
    );
    const sets: GroupSet[] = [noGroups];
    prefixes.forEach((prefix, i) => {
      const members = (byRange.get(textOf(prefix)) ?? []).map(({ group }) => group);
      sets.push(union(groupSet(members), sets[parents[i + 1] ?? 0] ?? noGroups));
    });
    return { trie, sets };
  }
}

function textOf({ key, length }: Prefix): string {
  return `${key.join()}/${length}`;
}
