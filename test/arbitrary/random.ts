/** A small seeded generator (mulberry32): the same seed gives the same values on every machine. */
export interface Random {
  /** An integer from 0 to n - 1. */
  below(n: number): number;
  /** An integer from `first` to `last`. */
  between(first: number, last: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One of the choices. */
  pick<T>(choices: readonly T[]): T;
  /** `make` called `count` times. */
  list<T>(count: number, make: (index: number) => T): T[];
}

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number) => Math.floor(next() * n);
  return {
    below,
    between: (first, last) => first + below(last - first + 1),
    chance: (probability) => next() < probability,
    pick: <T>(choices: readonly T[]) => choices[below(choices.length)] as T,
    list: (count, make) => Array.from({ length: count }, (_, index) => make(index)),
  };
}
