// A set of instances (0 to 65535) in the smallest of five forms, as the containers of a Roaring bitmap are.

/**
 * `words` starts with a header and goes on by its form: `none`, `all` (nothing), `words` (instances 0–63 as two words),
 * 1 to 2,048 runs (`first << 16 | last` each, both included; ascending, disjoint, not adjacent) or `bitmap` (8 KiB). A set
 * has one form only, so that equal sets have equal words. Sets may be laid end to end in one array: `containsAt`. Immutable.
 */
export interface InstanceSet {
  readonly words: Uint32Array;
}

/** Both ends are in it. */
export type Run = readonly [first: number, last: number];

export const instanceLimit = 65_536;
/** As many runs take as much memory as the bitmap. */
export const runsMax = 2048;

const NONE_HEADER = 0;
const ALL_HEADER = runsMax + 1;
const WORDS_HEADER = runsMax + 2;
const BITMAP_HEADER = runsMax + 3;
const smallMax = 63;

export const ALL: InstanceSet = { words: Uint32Array.of(ALL_HEADER) };
export const NONE: InstanceSet = { words: Uint32Array.of(NONE_HEADER) };

/** The instances of these runs, which may overlap and come in any order. Throws RangeError for an invalid run. */
export function fromRuns(runs: Iterable<Run>): InstanceSet {
  const joined: [number, number][] = [];
  for (const [first, last] of [...runs].sort(([a], [b]) => a - b)) {
    if (!(Number.isInteger(first) && first >= 0 && first <= last && last < instanceLimit)) {
      throw new RangeError(`${first}-${last} is not a run of instances`);
    }
    const before = joined.at(-1);
    if (before !== undefined && first <= before[1] + 1) {
      before[1] = Math.max(before[1], last);
    } else {
      joined.push([first, last]);
    }
  }
  return fromJoined(joined);
}

/** Ascending, disjoint and not adjacent. */
export function runsOf({ words }: InstanceSet): Run[] {
  switch (wordAt(words, 0)) {
    case NONE_HEADER:
      return [];
    case ALL_HEADER:
      return [[0, instanceLimit - 1]];
    case WORDS_HEADER:
    case BITMAP_HEADER:
      return runsOfBits(words);
    default:
      return Array.from(words.subarray(1), (run): Run => [run >>> 16, run & 0xffff]);
  }
}

export function contains(set: InstanceSet, instance: number): boolean {
  return containsAt(set.words, 0, instance);
}

/** Whether the set that starts at `words[offset]` has this instance. `all` contains every number. No allocation. */
export function containsAt(words: Uint32Array, offset: number, instance: number): boolean {
  const header = wordAt(words, offset);
  switch (header) {
    case NONE_HEADER:
      return false;
    case ALL_HEADER:
      return true;
    case WORDS_HEADER:
      return instance <= smallMax && hasBit(words, offset + 1, instance);
    case BITMAP_HEADER:
      return instance < instanceLimit && hasBit(words, offset + 1, instance);
    default:
      return isInRuns(words, offset + 1, header, instance);
  }
}

/** Calls `visit` for each run in order; makes no array where the set is made of runs. */
export function eachRun(set: InstanceSet, visit: (first: number, last: number) => void): void {
  const header = wordAt(set.words, 0);
  if (header === NONE_HEADER || header > runsMax) {
    for (const [first, last] of runsOf(set)) {
      visit(first, last);
    }
    return;
  }
  for (let i = 1; i <= header; i++) {
    const run = wordAt(set.words, i);
    visit(run >>> 16, run & 0xffff);
  }
}

/** How many runs it has, or for bits how many words: what it costs to look at them. */
export function runCount({ words }: InstanceSet): number {
  return words.length - 1;
}

export function union(...sets: readonly InstanceSet[]): InstanceSet {
  const packed: number[] = [];
  for (const set of sets) {
    eachRun(set, (first, last) => packed.push(((first << 16) | last) >>> 0));
  }
  const joined: [number, number][] = [];
  for (const run of Uint32Array.from(packed).sort()) {
    const [first, last] = [run >>> 16, run & 0xffff];
    const before = joined.at(-1);
    if (before !== undefined && first <= before[1] + 1) {
      before[1] = Math.max(before[1], last);
    } else {
      joined.push([first, last]);
    }
  }
  return fromJoined(joined);
}

export function intersection(a: InstanceSet, b: InstanceSet): InstanceSet {
  const common: Run[] = [];
  const [left, right] = [runsOf(a), runsOf(b)];
  for (let i = 0, k = 0; i < left.length && k < right.length; ) {
    const [firstA, lastA] = left[i] ?? [0, 0];
    const [firstB, lastB] = right[k] ?? [0, 0];
    const [first, last] = [Math.max(firstA, firstB), Math.min(lastA, lastB)];
    if (first <= last) {
      common.push([first, last]);
    }
    if (lastA < lastB) {
      i++;
    } else {
      k++;
    }
  }
  return fromJoined(common);
}

/** What is in `a` and not in `b`. */
export function difference(a: InstanceSet, b: InstanceSet): InstanceSet {
  return intersection(a, complement(b));
}

/** Whether every instance of `b`, from `from` on, is in `a`. One pass, and no array where both are made of runs. */
export function covers(a: InstanceSet, b: InstanceSet, from = 0): boolean {
  if (isAll(a) || isNone(b)) {
    return true;
  }
  const [outer, inner] = [packed(a), packed(b)];
  let i = 1;
  for (let k = 1; k < inner.length; k++) {
    const run = wordAt(inner, k);
    const [first, last] = [Math.max(run >>> 16, from), run & 0xffff];
    if (first > last) {
      continue;
    }
    while (i < outer.length && (wordAt(outer, i) & 0xffff) < first) {
      i++;
    }
    const own = wordAt(outer, i);
    // Runs are not adjacent: one of `b` has to be in one of `a`.
    if (i >= outer.length || own >>> 16 > first || (own & 0xffff) < last) {
      return false;
    }
  }
  return true;
}

/** A header and the runs as words; the set's own words where it is made of runs. */
function packed(set: InstanceSet): Uint32Array {
  const header = wordAt(set.words, 0);
  if (header <= runsMax) {
    return set.words;
  }
  return Uint32Array.from([0, ...runsOf(set).map(([first, last]) => (first << 16) | last)]);
}

export function equals(a: InstanceSet, b: InstanceSet): boolean {
  if (a.words.length !== b.words.length) {
    return false;
  }
  for (let i = 0; i < a.words.length; i++) {
    if (a.words[i] !== b.words[i]) {
      return false;
    }
  }
  return true;
}

export function isNone({ words }: InstanceSet): boolean {
  return words[0] === NONE_HEADER;
}

export function isAll({ words }: InstanceSet): boolean {
  return words[0] === ALL_HEADER;
}

function complement(set: InstanceSet): InstanceSet {
  const gaps: Run[] = [];
  let next = 0;
  for (const [first, last] of runsOf(set)) {
    if (next < first) {
      gaps.push([next, first - 1]);
    }
    next = last + 1;
  }
  if (next < instanceLimit) {
    gaps.push([next, instanceLimit - 1]);
  }
  return fromJoined(gaps);
}

/** `runs` are ascending, disjoint and not adjacent. */
function fromJoined(runs: readonly Run[]): InstanceSet {
  const [head] = runs;
  if (head === undefined) {
    return NONE;
  }
  if (head[0] === 0 && head[1] === instanceLimit - 1) {
    return ALL;
  }
  if ((runs.at(-1)?.[1] ?? 0) <= smallMax) {
    return bits(WORDS_HEADER, 2, runs);
  }
  if (runs.length > runsMax) {
    return bits(BITMAP_HEADER, instanceLimit / 32, runs);
  }
  const words = new Uint32Array(1 + runs.length);
  words[0] = runs.length;
  runs.forEach(([first, last], i) => {
    words[i + 1] = (first << 16) | last;
  });
  return { words };
}

function bits(header: number, length: number, runs: readonly Run[]): InstanceSet {
  const words = new Uint32Array(1 + length);
  words[0] = header;
  for (const [first, last] of runs) {
    for (let instance = first; instance <= last; instance++) {
      const place = 1 + (instance >>> 5);
      words[place] = wordAt(words, place) | (1 << (instance & 31));
    }
  }
  return { words };
}

function runsOfBits(words: Uint32Array): Run[] {
  const runs: Run[] = [];
  const end = (words.length - 1) * 32;
  for (let instance = 0; instance < end; instance++) {
    if (!hasBit(words, 1, instance)) {
      continue;
    }
    const first = instance;
    while (instance + 1 < end && hasBit(words, 1, instance + 1)) {
      instance++;
    }
    runs.push([first, instance]);
  }
  return runs;
}

/** The last run that begins by `instance` is the only one that can have it. */
function isInRuns(words: Uint32Array, start: number, count: number, instance: number): boolean {
  let low = start;
  let high = start + count;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (wordAt(words, middle) >>> 16 <= instance) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const run = wordAt(words, low);
  return run >>> 16 <= instance && instance <= (run & 0xffff);
}

function hasBit(words: Uint32Array, start: number, instance: number): boolean {
  return (wordAt(words, start + (instance >>> 5)) & (1 << (instance & 31))) !== 0;
}

function wordAt(words: Uint32Array, index: number): number {
  return words[index] ?? 0;
}
