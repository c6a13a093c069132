// Which groups grant (program, instance): for each program the groups that grant every instance, those that grant some, and
// their sets of instances, all in one array.
import { addTo, type GroupSet, has, isEmpty, setOf, wordAt, wordsFor } from "./bitset.ts";
import { containsAt, eachRun, type InstanceSet, isAll, isNone, runCount } from "./instance-set.ts";
import { type GroupAccess, readSegment, segmentIndex } from "./segment-index.ts";
import { finish, type Steps, stepUnits } from "./steps.ts";

/**
 * `records`: where in `words` a program's record starts; a program that is absent is granted to no group. A record is
 * [header] and one of
 * - a list, of few groups: a word `place << 10 | group` each, ascending by group; the InstanceSet is at the place;
 * - bitsets: groups that grant every instance; groups that grant some; how many of these are in the words before (one
 *   number a word); what each of these grants (`grantWord`). After that the segment index, if there is one;
 * - only the segment index.
 * The index is there when more than `testedMax` groups grant some instances.
 */
export interface GrantTable {
  readonly records: ReadonlyMap<string, number>;
  readonly words: Uint32Array;
  /** Words of a set of groups. */
  readonly stride: number;
}

/** Groups whose sets are tested one by one; for more the index answers. */
const testedMax = 8;
const GROUP_BITS = 10;
const GROUP_MASK = (1 << GROUP_BITS) - 1;
/** Of a header: the rest is the length of the list or, with bitsets, the number of groups that grant some instances. */
const BITSETS = 1 << 30;
const INDEXED = 1 << 29;
const COUNT_MASK = INDEXED - 1;

/** Deciding is synchronous: one scratch set is enough for all policies (1,000 groups are 32 words). */
const scratch = new Uint32Array(32);

/**
 * Those of `groups` that grant (program, instance): null for none, `groups` itself for all of them. Allocates only when some
 * do and others do not.
 */
export function grantingOf(
  table: GrantTable,
  groups: GroupSet,
  program: string,
  instance: number,
): GroupSet | null {
  const record = table.records.get(program);
  if (record === undefined) {
    return null;
  }
  fill(table, record, groups, instance);
  let any = 0;
  let missing = 0;
  for (let i = 0; i < table.stride; i++) {
    const asked = wordAt(groups, i);
    const granted = wordAt(scratch, i) & asked;
    any |= granted;
    missing |= granted ^ asked;
  }
  if (any === 0) {
    return null;
  }
  return missing === 0 ? groups : grantedSet(table.stride, groups);
}

function grantedSet(stride: number, groups: GroupSet): GroupSet {
  const granted = new Uint32Array(stride);
  for (let i = 0; i < stride; i++) {
    granted[i] = wordAt(scratch, i) & wordAt(groups, i);
  }
  return granted;
}

/** Whether one of `groups` grants (program, instance). No allocation. */
export function isGrantedToAny(
  table: GrantTable,
  groups: GroupSet,
  program: string,
  instance: number,
): boolean {
  const record = isEmpty(groups) ? undefined : table.records.get(program);
  if (record === undefined) {
    return false;
  }
  fill(table, record, groups, instance);
  for (let i = 0; i < table.stride; i++) {
    if ((wordAt(scratch, i) & wordAt(groups, i)) !== 0) {
      return true;
    }
  }
  return false;
}

/** Leaves in `scratch` the groups that grant the instance; of those that are not in `groups` any or none. */
function fill(table: GrantTable, record: number, groups: GroupSet, instance: number): void {
  const header = wordAt(table.words, record);
  if ((header & BITSETS) !== 0) {
    fillFromBitsets(table, record, groups, instance);
  } else if ((header & INDEXED) !== 0) {
    readSegment(table.words, record + 1, table.stride, instance, scratch);
  } else {
    fillFromList(table, record + 1, header, groups, instance);
  }
}

function fillFromList(
  { words, stride }: GrantTable,
  start: number,
  count: number,
  groups: GroupSet,
  instance: number,
): void {
  for (let i = 0; i < stride; i++) {
    scratch[i] = 0;
  }
  for (let i = start; i < start + count; i++) {
    const entry = wordAt(words, i);
    const group = entry & GROUP_MASK;
    if (has(groups, group) && containsAt(words, entry >>> GROUP_BITS, instance)) {
      addTo(scratch, group);
    }
  }
}

/** AND with the groups that grant every instance; of those that grant some, a few are tested, for many the index is asked. */
function fillFromBitsets(
  table: GrantTable,
  record: number,
  groups: GroupSet,
  instance: number,
): void {
  const { words, stride } = table;
  const header = wordAt(words, record);
  const limited = record + 1 + stride;
  let matching = 0;
  for (let i = 0; i < stride; i++) {
    scratch[i] = wordAt(words, record + 1 + i);
    const some = wordAt(words, limited + i) & wordAt(groups, i);
    matching += some === 0 ? 0 : bitCount(some);
    if (matching > testedMax && (header & INDEXED) !== 0) {
      const index = limited + 2 * stride + (header & COUNT_MASK);
      readSegment(words, index, stride, instance, scratch);
      return;
    }
  }
  if (matching > 0) {
    testLimited(table, limited, groups, instance);
  }
}

/** Adds those of `groups` whose own set has the instance. */
function testLimited(
  { words, stride }: GrantTable,
  limited: number,
  groups: GroupSet,
  instance: number,
): void {
  const before = limited + stride;
  const sets = before + stride;
  for (let i = 0; i < stride; i++) {
    const some = wordAt(words, limited + i);
    for (let left = some & wordAt(groups, i); left !== 0; left &= left - 1) {
      const bit = 31 - Math.clz32(left & -left);
      const rank = wordAt(words, before + i) + bitCount(some & ((1 << bit) - 1));
      if (isGranted(words, wordAt(words, sets + rank), instance)) {
        addTo(scratch, i * 32 + bit);
      }
    }
  }
}

/**
 * What a group grants, in one word: a single run itself (`first << 16 | last`); otherwise the place of an InstanceSet as a
 * run that ends before it begins.
 */
function placeWord(place: number): number {
  return ((0x8000 | (place >>> 14)) << 16) | (place & 0x3fff);
}

function isGranted(words: Uint32Array, grantWord: number, instance: number): boolean {
  const high = grantWord >>> 16;
  const low = grantWord & 0xffff;
  return high <= low
    ? high <= instance && instance <= low
    : containsAt(words, ((high & 0x7fff) << 14) | low, instance);
}

/** Bits that are set in a 32-bit word (Warren, Hacker's Delight, §5–1). */
function bitCount(word: number): number {
  let sum = word - ((word >>> 1) & 0x55555555);
  sum = (sum & 0x33333333) + ((sum >>> 2) & 0x33333333);
  return Math.imul((sum + (sum >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Compiles the accesses of each program, ascending by group. Equal sets, and programs that are granted alike, are kept once. */
export function grantTable(
  groups: number,
  programs: ReadonlyMap<string, readonly GroupAccess[]>,
): GrantTable {
  return finish(grantTableSteps(groups, programs));
}

/** `grantTable` in steps. */
export function* grantTableSteps(
  groups: number,
  programs: ReadonlyMap<string, readonly GroupAccess[]>,
): Steps<GrantTable> {
  const builder = new TableBuilder(groups);
  const records = new Map<string, number>();
  for (const [program, accesses] of programs) {
    const granted = accesses.filter(({ instances }) => !isNone(instances));
    records.set(program, yield* builder.record(granted));
  }
  return { records, words: builder.words(), stride: wordsFor(groups) };
}

class TableBuilder {
  readonly #groups: number;
  readonly #words: number[] = [];
  /** A number for each distinct set, by its words. */
  readonly #ids = new Map<string, number>();
  readonly #places = new Map<number, number>();
  readonly #records = new Map<string, number>();

  constructor(groups: number) {
    this.#groups = groups;
  }

  words(): Uint32Array {
    return Uint32Array.from(this.#words);
  }

  *record(accesses: readonly GroupAccess[]): Steps<number> {
    let key = "";
    let units = 1;
    for (const { group, instances } of accesses) {
      key += `${group} ${this.#idOf(instances)},`;
      units += 1 + runCount(instances);
      if (units >= stepUnits) {
        yield units;
        units = 0;
      }
    }
    yield units;
    const known = this.#records.get(key);
    if (known !== undefined) {
      return known;
    }
    const record = yield* this.#write(accesses);
    this.#records.set(key, record);
    return record;
  }

  *#write(accesses: readonly GroupAccess[]): Steps<number> {
    const every = accesses.filter(({ instances }) => isAll(instances));
    const some = accesses.filter(({ instances }) => !isAll(instances));
    const isIndexed = some.length > testedMax;
    const hasBitsets = accesses.length > testedMax + wordsFor(this.#groups);
    if (!hasBitsets && !isIndexed) {
      return this.#list(accesses);
    }
    const grantWords = hasBitsets ? yield* this.#grantWords(some) : [];
    const flags = (isIndexed ? INDEXED : 0) | (hasBitsets ? BITSETS : 0);
    const record = this.#words.push(flags | grantWords.length) - 1;
    if (hasBitsets) {
      this.#append(this.#groupsOf(every));
      const limited = this.#groupsOf(some);
      this.#append(limited);
      let before = 0;
      for (const word of limited) {
        this.#words.push(before);
        before += bitCount(word);
      }
      this.#append(grantWords);
    }
    if (isIndexed) {
      yield* this.#appendSteps(yield* segmentIndex(this.#groups, accesses));
    }
    return record;
  }

  #list(accesses: readonly GroupAccess[]): number {
    const entries = accesses.map(
      ({ group, instances }) => (this.#place(instances) << GROUP_BITS) | group,
    );
    const record = this.#words.push(entries.length) - 1;
    this.#append(entries);
    return record;
  }

  #groupsOf(accesses: readonly GroupAccess[]): Uint32Array {
    return setOf(
      this.#groups,
      accesses.map(({ group }) => group),
    );
  }

  *#grantWords(accesses: readonly GroupAccess[]): Steps<number[]> {
    const words: number[] = [];
    let units = 0;
    for (const { instances } of accesses) {
      words.push(this.#grantWord(instances));
      units += 1 + runCount(instances);
      if (units >= stepUnits) {
        yield units;
        units = 0;
      }
    }
    return words;
  }

  #grantWord(instances: InstanceSet): number {
    let runs = 0;
    let word = 0;
    eachRun(instances, (first, last) => {
      runs++;
      word = ((first << 16) | last) >>> 0;
    });
    return runs === 1 ? word : placeWord(this.#place(instances)) >>> 0;
  }

  #idOf({ words }: InstanceSet): number {
    const key = words.join();
    const id = this.#ids.get(key) ?? this.#ids.size;
    this.#ids.set(key, id);
    return id;
  }

  /** Where the set starts; it is copied in when it is new. */
  #place(set: InstanceSet): number {
    const id = this.#idOf(set);
    const place = this.#places.get(id) ?? this.#words.length;
    if (!this.#places.has(id)) {
      this.#places.set(id, place);
      this.#append(set.words);
    }
    return place;
  }

  #append(words: ArrayLike<number>): void {
    for (let i = 0; i < words.length; i++) {
      this.#words.push(words[i] ?? 0);
    }
  }

  *#appendSteps(words: Uint32Array): Steps<void> {
    for (let i = 0; i < words.length; i += stepUnits) {
      this.#append(words.subarray(i, i + stepUnits));
      yield stepUnits;
    }
  }
}
