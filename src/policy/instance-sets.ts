import type { Access } from "./access.ts";
import { type GroupSet, setOf, toggle, wordAt, wordsFor } from "./bitset.ts";

/**
 * For one program, which groups grant an instance: the line of instances cut into segments in which the answer is the
 * same, as pairs (first instance, offset of the group set in the pool), ascending, the first from 0. A range costs two
 * cuts however long it is.
 */
export type InstanceSets = Uint32Array;

/** One group's access to the program. */
export interface GroupAccess {
  readonly group: number;
  readonly access: Access;
}

/** Cuts are sorted as numbers `instance * 1024 + group`; a document has at most 1,000 groups. */
const GROUP_BITS = 10;
const GROUP_MASK = (1 << GROUP_BITS) - 1;

/** Offset in the pool of the groups that grant this instance. Logarithmic in the number of cuts; no allocation. */
export function offsetOf(sets: InstanceSets, instance: number): number {
  let low = 0;
  let high = sets.length >>> 1;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (wordAt(sets, middle * 2) <= instance) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return wordAt(sets, low * 2 + 1);
}

/** Sweeps once over the cuts; the bounds of a group are disjoint, so that each of its cuts toggles it. */
export function buildInstanceSets(accesses: readonly GroupAccess[], pool: SetPool): InstanceSets {
  const current = setOf(
    pool.groups,
    accesses.filter(({ access }) => access.kind === "all").map(({ group }) => group),
  );
  const cuts = cutsOf(accesses);
  const segments = [0, pool.offsetOf(current)];
  for (let i = 0; i < cuts.length; ) {
    const instance = wordAt(cuts, i) >>> GROUP_BITS;
    for (; i < cuts.length && wordAt(cuts, i) >>> GROUP_BITS === instance; i++) {
      toggle(current, wordAt(cuts, i) & GROUP_MASK);
    }
    segments.push(instance, pool.offsetOf(current));
  }
  return Uint32Array.from(segments);
}

function cutsOf(accesses: readonly GroupAccess[]): Uint32Array {
  const cuts: number[] = [];
  for (const { group, access } of accesses) {
    if (access.kind === "some") {
      // Even places are firsts, odd places are lasts: the group ends after them.
      access.bounds.forEach((bound, i) => {
        cuts.push(((bound + (i % 2)) << GROUP_BITS) | group);
      });
    }
  }
  return Uint32Array.from(cuts).sort();
}

/** The distinct group sets of one document, end to end in one array, so that equal ones are kept once. */
export class SetPool {
  readonly groups: number;
  readonly #stride: number;
  readonly #offsets = new Map<number, number[]>();
  #words: Uint32Array;
  #used = 0;

  constructor(groups: number) {
    this.groups = groups;
    this.#stride = wordsFor(groups);
    this.#words = new Uint32Array(this.#stride * 4);
  }

  /** Where a set equal to this one starts; it is copied in when it is new. */
  offsetOf(set: GroupSet): number {
    const hash = hashOf(set);
    const candidates = this.#offsets.get(hash) ?? [];
    const known = candidates.find((offset) => this.#equalsAt(offset, set));
    if (known !== undefined) {
      return known;
    }
    const offset = this.#append(set);
    candidates.push(offset);
    this.#offsets.set(hash, candidates);
    return offset;
  }

  /** All sets so far, without slack. */
  words(): Uint32Array {
    return this.#words.slice(0, this.#used);
  }

  #equalsAt(offset: number, set: GroupSet): boolean {
    for (let i = 0; i < this.#stride; i++) {
      if (wordAt(this.#words, offset + i) !== wordAt(set, i)) {
        return false;
      }
    }
    return true;
  }

  #append(set: GroupSet): number {
    const offset = this.#used;
    this.#used += this.#stride;
    if (this.#used > this.#words.length) {
      const larger = new Uint32Array(this.#used * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    for (let i = 0; i < this.#stride; i++) {
      this.#words[offset + i] = wordAt(set, i);
    }
    return offset;
  }
}

/** FNV-1a over the words. Only speed depends on it. */
function hashOf(set: GroupSet): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < set.length; i++) {
    hash = Math.imul(hash ^ wordAt(set, i), 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash;
}
