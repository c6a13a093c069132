/**
 * Work that can pause: it yields how many units (groups, runs, accesses) it has done since it last did, a bounded number each
 * time, so that whoever runs it can let others have the event loop in between.
 */
export type Steps<Result> = Generator<number, Result, void>;

/** Runs it to its end at once. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done) {
      return step.value;
    }
  }
}

/** The most units of work between two yields. */
export const stepUnits = 512;
