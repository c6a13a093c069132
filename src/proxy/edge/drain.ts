// Closing listeners without cutting off exchanges, within a time limit.
import type { Listener } from "./listener.ts";

/** How long open connections have to send a request, whose response then ends them, in milliseconds. */
const LEAVE_MS = 1_000;
const LOOK_MS = 20;

export interface Draining {
  readonly listeners: readonly Listener[];
  /** The longest it may take, in milliseconds. */
  readonly boundMs: number;
  /** Whether no client can have an open connection that it would use again. */
  readonly quiet: () => boolean;
  /** Called once when no new connections are accepted. */
  readonly closed: () => void;
}

/**
 * First each response ends its connection. A second later new connections are refused and idle ones closed. When no exchange is
 * active, or the time is up, what is left is cut off. Resolves then.
 */
export async function drain({ listeners, boundMs, quiet, closed }: Draining): Promise<void> {
  const startedMs = performance.now();
  const passed = () => performance.now() - startedMs;
  for (const listener of listeners) {
    listener.leave();
  }
  const leaveMs = Math.min(LEAVE_MS, boundMs / 2);
  while (passed() < leaveMs && !quiet()) {
    await Bun.sleep(LOOK_MS);
  }
  for (const listener of listeners) {
    void listener.stop();
  }
  closed();
  while (passed() < boundMs && listeners.some(({ pending }) => pending > 0)) {
    await Bun.sleep(LOOK_MS);
  }
  await Promise.all(listeners.map((listener) => listener.stop(true)));
}
