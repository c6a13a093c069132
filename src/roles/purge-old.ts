// Deletes what is too old, while the control plane runs.
import { eventsOfOwnerMax } from "../admin/store/limits.ts";
import type { Store } from "../admin/store/store.ts";
import type { Log } from "../log.ts";
import type { ShutdownStep } from "./shutdown.ts";

const PURGE_MS = 3_600_000;

/** A process of a node that was not heard for so long is not waited for any more: whoever named it may never come back. */
const PROCESS_DAYS = 30;

function daysAgo(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString();
}

/** Deletes old events, and processes of nodes that are gone, now and every hour. Answers how to stop it. */
export function purgeOld(store: Store, days: number, log: Log): ShutdownStep {
  let running = Promise.resolve();
  const purge = async () => {
    try {
      await store.purgeEvents(daysAgo(days));
      await store.trimEvents(eventsOfOwnerMax);
      await store.purgeProcesses(daysAgo(PROCESS_DAYS));
    } catch (error) {
      log.error({ err: error }, "old events could not be deleted");
    }
  };
  const begin = () => {
    running = running.then(purge);
  };
  begin();
  const timer = setInterval(begin, PURGE_MS);
  return async () => {
    clearInterval(timer);
    await running;
  };
}
