import { networkMask } from "./address.ts";
import { type GroupSet, setOf, union, wordAt } from "./bitset.ts";

/** One ip group: `network` is an unsigned 32-bit number without host bits, `length` 0..32. */
export interface NetworkGroup {
  readonly network: number;
  readonly length: number;
  readonly group: number;
}

/**
 * Path-compressed binary trie over IPv4. A node carries the union of the groups of all networks that cover it, so
 * that the longest match alone answers for every ip group. At most two nodes for each distinct network, five words each,
 * in one array: network, prefix length, the nodes for a 0 and for a 1 in the next bit (0: none), index into `sets`.
 * Node 0 is 0.0.0.0/0.
 */
export interface CidrTrie {
  readonly nodes: Uint32Array;
  readonly sets: readonly GroupSet[];
  /** What addresses in no network match: always this very set. */
  readonly nobody: GroupSet;
}

const LENGTH = 1;
const CHILD = 2;
const SET = 4;

interface Network {
  readonly network: number;
  readonly length: number;
  readonly members: GroupSet;
}

/** The groups whose network contains this address (unsigned 32 bits). At most 33 steps, no allocation. */
export function longestMatch(trie: CidrTrie, address: number): GroupSet {
  const nodes = trie.nodes;
  let node = 0;
  let length = 0;
  while (length < 32) {
    const bit = (address >>> (31 - length)) & 1;
    const child = wordAt(nodes, node + CHILD + bit);
    if (child === 0) {
      break;
    }
    length = wordAt(nodes, child + LENGTH);
    if ((address ^ wordAt(nodes, child)) >>> (32 - length) !== 0) {
      break;
    }
    node = child;
  }
  return trie.sets[wordAt(nodes, node + SET)] ?? trie.nobody;
}

/** Compiles the ip groups of a document with `groups` groups in all. */
export function buildTrie(groups: number, networkGroups: readonly NetworkGroup[]): CidrTrie {
  const networks = distinctNetworks(groups, networkGroups);
  const nodes: number[] = [];
  const nobody = setOf(groups, []);
  const sets: GroupSet[] = [nobody];

  /** Writes the node of prefix `length` over networks[from..to) and all below it; answers its place. */
  function write(from: number, to: number, length: number, covering: number): number {
    const first = networks[from];
    const own = first?.length === length ? first : undefined;
    const set =
      own === undefined
        ? covering
        : sets.push(union(own.members, sets[covering] ?? own.members)) - 1;
    const node = nodes.length;
    nodes.push(((first?.network ?? 0) & networkMask(length)) >>> 0, length, 0, 0, set);
    const start = own === undefined ? from : from + 1;
    const middle = firstWithBit(networks, start, to, length);
    if (start < middle) {
      nodes[node + CHILD] = write(start, middle, commonLength(networks, start, middle), set);
    }
    if (middle < to) {
      nodes[node + CHILD + 1] = write(middle, to, commonLength(networks, middle, to), set);
    }
    return node;
  }

  write(0, networks.length, 0, 0);
  return { nodes: Uint32Array.from(nodes), sets, nobody };
}

/** Equal networks become one; sorted by address, a covering network before what it covers. */
function distinctNetworks(groups: number, networkGroups: readonly NetworkGroup[]): Network[] {
  const members = new Map<number, { network: number; length: number; groups: number[] }>();
  for (const { network, length, group } of networkGroups) {
    const key = network * 64 + length;
    const known = members.get(key);
    if (known === undefined) {
      members.set(key, { network, length, groups: [group] });
    } else {
      known.groups.push(group);
    }
  }
  return [...members.values()]
    .sort((a, b) => a.network - b.network || a.length - b.length)
    .map((entry) => ({ ...entry, members: setOf(groups, entry.groups) }));
}

/** The longest prefix that networks[from..to) share; a network is its own longest prefix. */
function commonLength(networks: readonly Network[], from: number, to: number): number {
  const first = networks[from];
  const last = networks[to - 1];
  if (first === undefined || last === undefined) {
    return 32;
  }
  return Math.min(first.length, last.length, Math.clz32(first.network ^ last.network));
}

/** Index of the first of networks[from..to) with a 1 after `length` bits; they are sorted. */
function firstWithBit(
  networks: readonly Network[],
  from: number,
  to: number,
  length: number,
): number {
  let index = from;
  while (index < to && (((networks[index]?.network ?? 0) >>> (31 - length)) & 1) === 0) {
    index++;
  }
  return index;
}
