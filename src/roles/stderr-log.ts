// The log of a process: lines of JSON on standard error.
import pino from "pino";

/** A line that cannot be written, as on a full disk, is lost: who logs never fails for it. */
export function stderrLog(name: string): pino.Logger {
  const destination = pino.destination({ dest: 2, sync: true });
  destination.on("error", () => {});
  return pino({ name }, destination);
}
