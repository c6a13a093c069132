// Faults of the gate itself that no request can be blamed for: they are counted and said, and cost one connection, not the process.
import type { Log } from "../log.ts";
import { LimitedLog } from "./limited-log.ts";

type Note = (error: unknown, message: string) => void;

let count = 0;
let note: Note = (error) => {
  // Nothing survives for us here: the process ends, or says it.
  queueMicrotask(() => {
    throw error;
  });
};

/** Since the start of the process. */
export function escapedErrors(): number {
  return count;
}

/** Call it for what a handler of a socket threw, behind closing that connection. Errors of the system are no faults and are left out. */
export function reportEscaped(error: unknown): void {
  if (isOfTheSystem(error)) return;
  count++;
  note(error, "connection failed in the gate");
}

/**
 * From now on the process outlives errors that nothing caught, each with a line in the log. A bug that a client can reach would
 * otherwise end the connections of all tenants, as often as that client wants. Call it once.
 */
export function surviveEscaped(log: Log): void {
  const limited = new LimitedLog(log);
  note = (err, message) => limited.error({ err }, message);
  const caught = (error: unknown): void => {
    count++;
    note(error, "an error escaped in the gate: please report it");
  };
  process.on("uncaughtException", caught);
  process.on("unhandledRejection", caught);
}

function isOfTheSystem(error: unknown): boolean {
  return error instanceof Error && ("syscall" in error || "errno" in error);
}
