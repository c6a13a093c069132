/**
 * Which groups of one document: group i is bit `i & 31` of word `i >>> 5`. Sets of one document all have the same
 * length. Never changed once it is given out.
 */
export interface GroupSet {
  readonly length: number;
  readonly [word: number]: number;
}

/** The one accessor of words: out of range counts as empty. */
export function wordAt(words: GroupSet, index: number): number {
  return words[index] ?? 0;
}

/** Words that hold `groups` bits. */
export function wordsFor(groups: number): number {
  return (groups + 31) >>> 5;
}

/** A new set of the given members, which may be named twice. */
export function setOf(groups: number, members: Iterable<number>): Uint32Array {
  const set = new Uint32Array(wordsFor(groups));
  for (const member of members) {
    addTo(set, member);
  }
  return set;
}

/** Adds a member, present or not. Only while a set is being built. */
export function addTo(set: Uint32Array, member: number): void {
  set[member >>> 5] = wordAt(set, member >>> 5) | (1 << (member & 31));
}

/** Adds an absent member, removes a present one. Only while a set is being built. */
export function toggle(set: Uint32Array, member: number): void {
  set[member >>> 5] = wordAt(set, member >>> 5) ^ (1 << (member & 31));
}

export function has(set: GroupSet, member: number): boolean {
  return (wordAt(set, member >>> 5) & (1 << (member & 31))) !== 0;
}

export function isEmpty(set: GroupSet): boolean {
  for (let i = 0; i < set.length; i++) {
    if (wordAt(set, i) !== 0) {
      return false;
    }
  }
  return true;
}

/** Members of either; one of the two itself when the other is empty. */
export function union(a: GroupSet, b: GroupSet): GroupSet {
  if (isEmpty(b)) {
    return a;
  }
  if (isEmpty(a)) {
    return b;
  }
  const both = new Uint32Array(a.length);
  for (let i = 0; i < both.length; i++) {
    both[i] = wordAt(a, i) | wordAt(b, i);
  }
  return both;
}

/** Is every member of `b` in `a`? */
export function covers(a: GroupSet, b: GroupSet): boolean {
  for (let i = 0; i < b.length; i++) {
    if ((~wordAt(a, i) & wordAt(b, i)) !== 0) {
      return false;
    }
  }
  return true;
}

/** Members in ascending order: the order of the document. */
export function members(set: GroupSet): number[] {
  const found: number[] = [];
  for (let i = 0; i < set.length; i++) {
    for (let word = wordAt(set, i); word !== 0; word &= word - 1) {
      found.push(i * 32 + 31 - Math.clz32(word & -word));
    }
  }
  return found;
}
