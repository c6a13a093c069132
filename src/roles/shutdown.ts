// What was started is stopped in the reverse order, whatever becomes of each.
import type { Log } from "../log.ts";

export type Stop = () => Promise<void>;

/** Empties the list. What takes longer than the bound (milliseconds) is no longer waited for. Rejects with the first failure. */
export async function stopAll(
  stops: Stop[],
  boundMs = Number.POSITIVE_INFINITY,
  log: Log | null = null,
): Promise<void> {
  const endMs = performance.now() + boundMs;
  const failures: unknown[] = [];
  for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) {
    const done = await within(stop(), endMs - performance.now()).catch((error) => {
      failures.push(error);
      return true;
    });
    if (!done) log?.warn({ boundMs }, "something did not end in time and is cut off");
  }
  if (failures.length > 0) throw failures[0];
}

async function within(work: Promise<void>, ms: number): Promise<boolean> {
  if (ms === Number.POSITIVE_INFINITY) return work.then(() => true);
  const { promise, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), Math.max(0, ms));
  try {
    return await Promise.race([work.then(() => true as const), promise]);
  } finally {
    clearTimeout(timer);
  }
}
