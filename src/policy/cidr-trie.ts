import { type GroupSet, setOf, union } from "./bitset.ts";
import { longestPrefix, type PrefixTrie, prefixTrie } from "./prefix-trie.ts";

/** One ip group: `network` is an unsigned 32-bit number without host bits, `length` 0..32. */
export interface NetworkGroup {
  readonly network: number;
  readonly length: number;
  readonly group: number;
}

/**
 * `sets` has the groups of each entry of the trie and of all networks that cover it, so that the longest match alone answers
 * for every ip group.
 */
export interface CidrTrie {
  readonly trie: PrefixTrie;
  readonly sets: readonly GroupSet[];
  /** What addresses in no network match: always this very set. */
  readonly noGroups: GroupSet;
}

/** The groups whose network contains this address (unsigned 32 bits). At most 33 steps, no allocation. */
export function longestMatch({ trie, sets, noGroups }: CidrTrie, address: number): GroupSet {
  return sets[longestPrefix(trie, 32, address)] ?? noGroups;
}

/** Compiles the ip groups of a document with `groups` groups in all. */
export function buildTrie(groups: number, networkGroups: readonly NetworkGroup[]): CidrTrie {
  const own = Map.groupBy(networkGroups, ({ network, length }) => network * 64 + length);
  const { trie, prefixes, parents } = prefixTrie(
    1,
    networkGroups.map(({ network, length }) => ({ key: [network], length })),
  );
  const noGroups = setOf(groups, []);
  const sets: GroupSet[] = [noGroups];
  prefixes.forEach(({ key: [network = 0], length }, i) => {
    const members = (own.get(network * 64 + length) ?? []).map(({ group }) => group);
    sets.push(union(setOf(groups, members), sets[parents[i + 1] ?? 0] ?? noGroups));
  });
  return { trie, sets, noGroups };
}
