// How far the clock of this machine may be off that of others: expiries and time ranges are decided by it.
import { CannotStartNode } from "./running-node.ts";

const OFF_MAX_MS = 5 * 60_000;

/** `offsetMs`: how far the other clock is ahead of this one's, in milliseconds. */
export function isClockOff(offsetMs: number): boolean {
  return Math.abs(offsetMs) > OFF_MAX_MS;
}

/** Throws CannotStartNode when it is too far off. `other`: whose clock the other one is. */
export function refuseClockOff(offsetMs: number, other: string): void {
  if (!isClockOff(offsetMs)) return;
  const off = `${Math.round(Math.abs(offsetMs) / 1000)} s ${offsetMs > 0 ? "behind" : "ahead of"}`;
  throw new CannotStartNode(
    `the clock of this machine is ${off} that of ${other}: set it, expiries depend on it`,
  );
}
