// Going without breaking anything off, as far as a bound allows.
import type { Listener } from "./listener.ts";

/** How long clients of open connections have to come by and be told that theirs ends. */
const LEAVE_MS = 1_000;
const LOOK_MS = 20;

export interface Draining {
  readonly listeners: readonly Listener[];
  /** The longest it may take, in milliseconds. */
  readonly boundMs: number;
  /** Whether no client can have an open connection that it would use again. */
  readonly quiet: () => boolean;
  /** Called once when nobody can connect any more. */
  readonly closed: () => void;
}

/**
 * Answers end their connections; a second later nobody can connect and idle connections are closed; when nothing goes on any
 * more, or the bound is reached, what is left is cut. Resolves then.
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
