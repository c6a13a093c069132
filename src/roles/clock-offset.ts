// How far the clock of this machine may be off that of others: expiries and time ranges are decided by it.
import type { Store } from "../admin/store/store.ts";
import { CannotStartNode } from "./running-node.ts";

const OFF_MAX_MS = 5 * 60_000;

/** How far the clock of the database is ahead of this one's, in milliseconds. Rejects when it cannot be read. */
export async function clockOffset(store: Pick<Store, "clock">): Promise<number> {
  const askedMs = Date.now();
  const clockMs = await store.clock();
  return clockMs - (askedMs + Date.now()) / 2;
}

/** `offsetMs`: how far the other clock is ahead of this one's, in milliseconds. */
export function isClockOff(offsetMs: number): boolean {
  return Math.abs(offsetMs) > OFF_MAX_MS;
}

/** What to say of a clock that is too far off; null: it is not. `other`: whose clock the other one is. */
export function clockProblem(offsetMs: number, other: string): string | null {
  if (!isClockOff(offsetMs)) return null;
  const off = `${Math.round(Math.abs(offsetMs) / 1000)} s ${offsetMs > 0 ? "behind" : "ahead of"}`;
  return `the clock of this machine is ${off} that of ${other}: set it, expiries depend on it`;
}

/** Throws CannotStartNode when it is too far off. */
export function refuseClockOff(offsetMs: number, other: string): void {
  const problem = clockProblem(offsetMs, other);
  if (problem !== null) throw new CannotStartNode(problem);
}
