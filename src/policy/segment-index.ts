// Which groups grant an instance, where testing them one by one would take too long: a thousand may match a request.
import { toggle, wordAt, wordsFor } from "./bitset.ts";
import { eachRun, type InstanceSet, instanceLimit, isAll, runCount } from "./instance-set.ts";
import { type Steps, stepUnits } from "./steps.ts";

/** One group's access to a program. */
export interface GroupAccess {
  readonly group: number;
  readonly instances: InstanceSet;
}

/** Cuts are `instance << 10 | group`; a document has at most 1,000 groups. */
const GROUP_BITS = 10;
const GROUP_MASK = (1 << GROUP_BITS) - 1;

/**
 * The line of instances is cut where a group starts or stops to grant: [number of cuts, the cuts in order, checkpoints].
 * Checkpoint i is the set of granting groups before cut `i * interval`; one more is behind the last cut where that is nearer to it.
 * The sets between are replayed from the nearest, in either direction. So a cut costs 5⅓ bytes however many groups there are, and
 * a look-up at most one and a half times as many steps as a set has words.
 */
export function* segmentIndex(
  groups: number,
  accesses: readonly GroupAccess[],
): Steps<Uint32Array> {
  const stride = wordsFor(groups);
  const cuts = yield* cutsOf(accesses);
  const interval = intervalOf(stride);
  const checkpoints = Math.round(cuts.length / interval) + 1;
  const index = new Uint32Array(1 + cuts.length + checkpoints * stride);
  index[0] = cuts.length;
  index.set(cuts, 1);
  const current = new Uint32Array(stride);
  for (const { group, instances } of accesses) {
    if (isAll(instances)) {
      toggle(current, group);
    }
  }
  for (let i = 0; i <= cuts.length; i++) {
    if (i % stepUnits === 0) {
      yield stepUnits;
    }
    if (i % interval === 0 || (i === cuts.length && i < (checkpoints - 1) * interval)) {
      index.set(current, 1 + cuts.length + Math.ceil(i / interval) * stride);
    }
    if (i < cuts.length) {
      toggle(current, wordAt(cuts, i) & GROUP_MASK);
    }
  }
  return index;
}

/** Fills the first `stride` words of `found` with the groups that grant this instance. */
export function readSegment(
  words: Uint32Array,
  offset: number,
  stride: number,
  instance: number,
  found: Uint32Array,
): void {
  const count = wordAt(words, offset);
  const start = offset + 1;
  const interval = intervalOf(stride);
  const passed = cutsBefore(
    words,
    start,
    count,
    (Math.min(instance, instanceLimit - 1) + 1) << GROUP_BITS,
  );
  // Integers: a replay over other numbers takes twice as long.
  const nearest = Math.round(passed / interval) | 0;
  const checkpoint = start + count + nearest * stride;
  for (let i = 0; i < stride; i++) {
    found[i] = wordAt(words, checkpoint + i);
  }
  const at = Math.min(nearest * interval, count) | 0;
  const end = start + Math.max(at, passed);
  for (let i = start + Math.min(at, passed); i < end; i++) {
    toggle(found, wordAt(words, i) & GROUP_MASK);
  }
}

function intervalOf(stride: number): number {
  return 3 * stride;
}

/** How many cuts are less than `cut`; they are in order. */
function cutsBefore(words: Uint32Array, start: number, count: number, cut: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (wordAt(words, start + middle) < cut) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** The runs of a group are disjoint, so that each of its cuts toggles it. */
function* cutsOf(accesses: readonly GroupAccess[]): Steps<Uint32Array> {
  const cuts: number[] = [];
  let units = 0;
  for (const { group, instances } of accesses) {
    if (isAll(instances)) {
      continue;
    }
    eachRun(instances, (first, last) => {
      cuts.push((first << GROUP_BITS) | group);
      if (last + 1 < instanceLimit) {
        cuts.push(((last + 1) << GROUP_BITS) | group);
      }
    });
    units += 1 + runCount(instances);
    if (units >= stepUnits) {
      yield units;
      units = 0;
    }
  }
  // At most 20,000 words: a millisecond.
  return Uint32Array.from(cuts).sort();
}
