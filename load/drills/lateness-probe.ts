// Preloaded into a process that is measured: writes how late a timer of 1 ms was, and what the process computed meanwhile, as
// `UNIX_MS LATE_MS CPU_MS` a line, into the file that REALMGATE_DRILL_LATENESS names. On a machine that others use, a timer is late
// without any fault of the process: it held its event loop up for no longer than it computed.
import { appendFileSync } from "node:fs";

const path = process.env.REALMGATE_DRILL_LATENESS;
const NOTED_FROM_MS = 4;

if (path !== undefined) {
  let dueMs = performance.now() + 1;
  let cpu = process.cpuUsage();
  const look = () => {
    const lateMs = performance.now() - dueMs;
    const { user, system } = process.cpuUsage(cpu);
    const cpuMs = (user + system) / 1000;
    if (lateMs > NOTED_FROM_MS) {
      appendFileSync(path, `${Date.now()} ${lateMs.toFixed(1)} ${cpuMs.toFixed(1)}\n`);
    }
    dueMs = performance.now() + 1;
    cpu = process.cpuUsage();
    setTimeout(look, 1).unref();
  };
  setTimeout(look, 1).unref();
}
