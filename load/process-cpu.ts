// CPU time of another process, from /proc (Linux).
import { readFileSync } from "node:fs";

/** Clock ticks a second; fixed at 100 in Linux' user-space interface. */
const ticksPerS = 100;

/** User and system time so far, in microseconds. Resolution: 10 ms. */
export function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The command's name may hold anything; the fields after its closing parenthesis do not.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [userTicks, systemTicks] = [Number(fields[11]), Number(fields[12])];
  return ((userTicks + systemTicks) / ticksPerS) * 1_000_000;
}
