// Waiting for what a test expects: a condition that never comes fails with its name, before the runner's time limit does.

/** Below the limit of 30 s that the runner sets for one test. */
const defaultBoundMs = 20_000;
/** What is about to happen happens within a few turns of the event loop; after those the machine is left to others. */
const eagerLooks = 100;
const pauseMs = 5;

type Found<T> = Exclude<T, false | null | undefined>;

/**
 * Looks again and again until `look` answers something other than false, null and undefined; that is the result. After `boundMs`
 * milliseconds it throws an error that names `what` was expected: "the WebSocket is closed".
 */
export async function until<T>(
  look: () => T | Promise<T>,
  what: string,
  boundMs = defaultBoundMs,
): Promise<Found<T>> {
  const endMs = performance.now() + boundMs;
  for (let looks = 1; ; looks++) {
    const found = await look();
    if (found !== false && found !== null && found !== undefined) return found as Found<T>;
    if (performance.now() > endMs) throw new Error(`not within ${boundMs} ms: ${what}`);
    if (looks < eagerLooks) await new Promise((resolve) => setImmediate(resolve));
    else await Bun.sleep(pauseMs);
  }
}

/** The promise's own result, or an error that names `what` was expected when it does not settle within `boundMs`. */
export async function within<T>(
  promise: Promise<T>,
  what: string,
  boundMs = defaultBoundMs,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`not within ${boundMs} ms: ${what}`)),
    boundMs,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
