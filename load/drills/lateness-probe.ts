// Preloaded into a process that is measured: writes how late a timer of 1 ms was, and how much of that was the process's own doing, as
// `UNIX_MS LATE_MS OWN_MS` a line, into the file that REALMGATE_DRILL_LATENESS names. On a machine that others use a timer is late
// without any fault of the process: while its thread was ready to run and others had the core, and for all that it did not compute.
import { appendFileSync, openSync, readSync } from "node:fs";

const path = process.env.REALMGATE_DRILL_LATENESS;
const NOTED_FROM_MS = 4;
const NS_PER_MS = 1e6;

/** How long the thread of the event loop was ready and did not run, in milliseconds since it began (Linux: schedstat). */
function waitedMs(fd: number, text: Buffer): number {
  const length = readSync(fd, text, 0, text.length, 0);
  const [, waitedNs] = text.toString("latin1", 0, length).split(" ");
  return Number(waitedNs) / NS_PER_MS;
}

if (path !== undefined) {
  const [fd, text] = [openSync("/proc/self/schedstat", "r"), Buffer.alloc(64)];
  let dueMs = performance.now() + 1;
  let cpu = process.cpuUsage();
  let waited = waitedMs(fd, text);
  const look = () => {
    const lateMs = performance.now() - dueMs;
    if (lateMs > NOTED_FROM_MS) {
      const { user, system } = process.cpuUsage(cpu);
      const ownMs = Math.min((user + system) / 1000, lateMs - (waitedMs(fd, text) - waited));
      appendFileSync(path, `${Date.now()} ${lateMs.toFixed(1)} ${Math.max(0, ownMs).toFixed(1)}\n`);
    }
    dueMs = performance.now() + 1;
    cpu = process.cpuUsage();
    waited = waitedMs(fd, text);
    setTimeout(look, 1).unref();
  };
  setTimeout(look, 1).unref();
}
