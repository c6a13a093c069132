// Memory of another process, from /proc (Linux).
import { readFileSync } from "node:fs";

/** Resident memory, in bytes. */
export function rssBytes(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) * 1024;
}
