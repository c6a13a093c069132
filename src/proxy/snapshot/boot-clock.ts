// Milliseconds on a clock that cannot be set and that goes on while the machine sleeps.
import { readFileSync } from "node:fs";

const UPTIME = "/proc/uptime";

/**
 * CLOCK_BOOTTIME of Linux, to 10 ms; it counts the time for which a machine or its virtual machine was suspended, which the runtime's own
 * clock (CLOCK_MONOTONIC) leaves out. Elsewhere the runtime's.
 */
export const bootClockMs: () => number = uptimeMs() === null ? () => performance.now() : readClock;

function readClock(): number {
  return uptimeMs() ?? Number.NaN;
}

/** Null: there is none here. */
function uptimeMs(): number | null {
  try {
    const seconds = Number.parseFloat(readFileSync(UPTIME, "utf8"));
    return Number.isFinite(seconds) ? seconds * 1000 : null;
  } catch {
    return null;
  }
}
