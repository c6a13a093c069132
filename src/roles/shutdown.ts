// Stops what was started, in reverse order; one failure does not keep the rest running.
import type { Log } from "../log.ts";

/** What a stop may take beyond what runs, in milliseconds: less than service managers wait after the default time for that. */
export const stopMs = 10_000;

export type ShutdownStep = () => Promise<void>;

/**
 * Runs the steps from the last to the first and empties the list. Once `limitMs` has passed since the call, it starts the
 * remaining steps without waiting for them to finish. Rejects with the first failure, after all steps.
 */
export async function shutdown(
  steps: ShutdownStep[],
  limitMs = Number.POSITIVE_INFINITY,
  log: Log | null = null,
): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  const failures: unknown[] = [];
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    const done = await finishes(step(), deadlineMs - performance.now()).catch((error) => {
      failures.push(error);
      return true;
    });
    if (!done)
      log?.warn({ boundMs: limitMs }, "shutdown did not finish in time; the rest is cut off");
  }
  if (failures.length > 0) throw failures[0];
}

/** Whether the work finishes within the time. Rejects when the work does. */
async function finishes(work: Promise<void>, ms: number): Promise<boolean> {
  if (ms === Number.POSITIVE_INFINITY) return work.then(() => true);
  const { promise, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), Math.max(0, ms));
  try {
    return await Promise.race([work.then(() => true as const), promise]);
  } finally {
    clearTimeout(timer);
  }
}
