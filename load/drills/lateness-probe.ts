// Preloaded into a process that is measured: writes how late a timer of 1 ms was, and how much of that was the process's own doing, as
// `UNIX_MS LATE_MS OWN_MS` a line, into the file that REALMGATE_DRILL_LATENESS names.
import { appendFileSync } from "node:fs";
import { watchLateness } from "../lateness.ts";

const path = process.env.REALMGATE_DRILL_LATENESS;
const NOTED_FROM_MS = 4;

if (path !== undefined) {
  watchLateness((lateMs, ownMs) => {
    if (lateMs <= NOTED_FROM_MS) return;
    appendFileSync(path, `${Date.now()} ${lateMs.toFixed(1)} ${ownMs.toFixed(1)}\n`);
  });
}
