// How late a timer of 1 ms is, and how much of that is the process's own doing. On a machine that others use a timer is late without
// any fault of the process: while its thread was ready to run and others had the core, and for all that it did not compute.
import { openSync, readSync } from "node:fs";

const NS_PER_MS = 1e6;

/** How long the thread of the event loop was ready and did not run, in milliseconds since it began (Linux: schedstat). */
function waitedMs(fd: number, text: Buffer): number {
  const length = readSync(fd, text, 0, text.length, 0);
  const [, waitedNs] = text.toString("latin1", 0, length).split(" ");
  return Number(waitedNs) / NS_PER_MS;
}

/** Calls back each time the timer has run, with milliseconds. Keeps no process alive. */
export function watchLateness(ran: (lateMs: number, ownMs: number) => void): void {
  const [fd, text] = [openSync("/proc/self/schedstat", "r"), Buffer.alloc(64)];
  let dueMs = performance.now() + 1;
  let cpu = process.cpuUsage();
  let waited = waitedMs(fd, text);
  const look = () => {
    const lateMs = Math.max(0, performance.now() - dueMs);
    const { user, system } = process.cpuUsage(cpu);
    const ownMs = Math.min((user + system) / 1000, lateMs - (waitedMs(fd, text) - waited));
    ran(lateMs, Math.max(0, ownMs));
    dueMs = performance.now() + 1;
    cpu = process.cpuUsage();
    waited = waitedMs(fd, text);
    setTimeout(look, 1).unref();
  };
  setTimeout(look, 1).unref();
}
