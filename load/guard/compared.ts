// What a comparison of two checkouts found.

export interface Compared {
  readonly name: string;
  /** Ours divided by the base's, one of each pair of runs. */
  readonly ratios: readonly number[];
}

/** NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
