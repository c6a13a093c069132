// Longest-prefix match over keys of 32 bits (IPv4) or 128 (IPv6): path-compressed and binary, in one array.

/** The first `length` bits of `key`, most significant word first; the other bits are 0. Unsigned 32-bit words. */
export interface Prefix {
  readonly key: readonly number[];
  readonly length: number;
}

/**
 * At most two nodes for each prefix, of three words and a key each: the entry that matches there and the prefix length
 * (`entry << 8 | length`), the nodes for a 0 and for a 1 in the next bit (0: none), the key. Node 0 is the empty prefix. Entry 0
 * is "no prefix". Immutable.
 */
export interface PrefixTrie {
  readonly nodes: Uint32Array;
  /** Words of a key: 1 or 4. */
  readonly keyWords: number;
}

/** What a trie was built from; entry i is `prefixes[i - 1]`. */
export interface BuiltTrie {
  readonly trie: PrefixTrie;
  /** Distinct, in order, a covering prefix before what it covers. */
  readonly prefixes: readonly Prefix[];
  /** By entry: the entry of the longest other prefix that covers it. */
  readonly parents: readonly number[];
}

const HEADER = 0;
const CHILD = 1;
const KEY = 3;
const LENGTH_BITS = 8;
const LENGTH_MASK = (1 << LENGTH_BITS) - 1;

/**
 * The entry of the longest prefix of this key that is at most `lengthMax` long, 0 for none. A 32-bit key is `a`, a 128-bit
 * key `a` to `d`; unsigned. At most one step for each bit, no allocation.
 */
export function longestPrefix(
  { nodes, keyWords }: PrefixTrie,
  lengthMax: number,
  a: number,
  b = 0,
  c = 0,
  d = 0,
): number {
  let node = 0;
  let length = 0;
  while (length < lengthMax) {
    const place = length >>> 5;
    const word = place === 0 ? a : place === 1 ? b : place === 2 ? c : d;
    const child = at(nodes, node + CHILD + ((word >>> (31 - (length & 31))) & 1));
    if (child === 0) {
      break;
    }
    length = at(nodes, child + HEADER) & LENGTH_MASK;
    if (length > lengthMax || !startsWith(nodes, child + KEY, keyWords, length, a, b, c, d)) {
      break;
    }
    node = child;
  }
  return at(nodes, node + HEADER) >>> LENGTH_BITS;
}

function startsWith(
  nodes: Uint32Array,
  key: number,
  keyWords: number,
  length: number,
  a: number,
  b: number,
  c: number,
  d: number,
): boolean {
  if (((a ^ at(nodes, key)) & maskOf(length)) !== 0) {
    return false;
  }
  return (
    keyWords === 1 ||
    (((b ^ at(nodes, key + 1)) & maskOf(length - 32)) === 0 &&
      ((c ^ at(nodes, key + 2)) & maskOf(length - 64)) === 0 &&
      ((d ^ at(nodes, key + 3)) & maskOf(length - 96)) === 0)
  );
}

/** The first `length` bits of a word; any length that is not between 1 and 31 means none or all. */
function maskOf(length: number): number {
  return length <= 0 ? 0 : length >= 32 ? -1 : -1 << (32 - length);
}

/** The prefix of this length, without the bits that follow it. */
export function maskedPrefix(key: readonly number[], length: number): Prefix {
  return { key: key.map((word, i) => (word & maskOf(length - 32 * i)) >>> 0), length };
}

/** Prefixes may be named twice, in any order. `keyWords`: 1 or 4, for all of them. */
export function prefixTrie(keyWords: number, all: readonly Prefix[]): BuiltTrie {
  const prefixes = distinct(all);
  const nodes: number[] = [];
  const parents: number[] = [0];

  /** Writes the node of the first `length` bits over prefixes[from..to) and all below it; answers its place. */
  function write(from: number, to: number, length: number, covering: number): number {
    const first = prefixes[from];
    const isOwn = first?.length === length;
    const entry = isOwn ? from + 1 : covering;
    if (isOwn) {
      parents[entry] = covering;
    }
    const node = nodes.length;
    const key = maskedPrefix(first?.key ?? new Array<number>(keyWords).fill(0), length).key;
    nodes.push((entry << LENGTH_BITS) | length, 0, 0, ...key);
    const start = isOwn ? from + 1 : from;
    const middle = firstWithBit(prefixes, start, to, length);
    if (start < middle) {
      nodes[node + CHILD] = write(start, middle, commonLength(prefixes, start, middle), entry);
    }
    if (middle < to) {
      nodes[node + CHILD + 1] = write(middle, to, commonLength(prefixes, middle, to), entry);
    }
    return node;
  }

  write(0, prefixes.length, 0, 0);
  return { trie: { nodes: Uint32Array.from(nodes), keyWords }, prefixes, parents };
}

/** By key, then a covering prefix before what it covers. */
export function comparePrefixes(one: Prefix, other: Prefix): number {
  for (let i = 0; i < one.key.length; i++) {
    const order = at(one.key, i) - at(other.key, i);
    if (order !== 0) {
      return order;
    }
  }
  return one.length - other.length;
}

function distinct(all: readonly Prefix[]): Prefix[] {
  const sorted = all.toSorted(comparePrefixes);
  return sorted.filter((each, i) => {
    const before = sorted[i - 1];
    return before === undefined || comparePrefixes(before, each) !== 0;
  });
}

/** The longest prefix that prefixes[from..to) share; each is its own longest prefix. */
function commonLength(prefixes: readonly Prefix[], from: number, to: number): number {
  const [first, last] = [prefixes[from], prefixes[to - 1]];
  if (first === undefined || last === undefined) {
    return 0;
  }
  let common = 0;
  for (let i = 0; i < first.key.length; i++) {
    const same = Math.clz32(at(first.key, i) ^ at(last.key, i));
    common += same;
    if (same < 32) {
      break;
    }
  }
  return Math.min(first.length, last.length, common);
}

/** Index of the first of prefixes[from..to) with a 1 after `length` bits; they are sorted. */
function firstWithBit(
  prefixes: readonly Prefix[],
  from: number,
  to: number,
  length: number,
): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const word = at(prefixes[middle]?.key ?? [], length >>> 5);
    if (((word >>> (31 - (length & 31))) & 1) === 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

function at(words: { readonly [index: number]: number }, index: number): number {
  return words[index] ?? 0;
}
