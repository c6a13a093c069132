// A body as a whole, within bounds.
import { WholeBody } from "../../guard/whole-body.ts";
import { TurnReader } from "./turn-reader.ts";

/**
 * All of a body; `too_long` when it has more than `bytesMax`; `broken` when it breaks off or one of the signals goes off. What
 * is not wanted any more is cancelled; with `leavesRest` the rest of one that is too long is left for others to read. `line`: see `TurnReader`.
 */
export async function boundedBody(
  body: ReadableStream<Uint8Array>,
  bytesMax: number,
  line: string,
  until: readonly AbortSignal[] = [],
  leavesRest = false,
): Promise<Uint8Array<ArrayBuffer> | "too_long" | "broken"> {
  const reader = new TurnReader(body, line);
  const stop = () => void reader.cancel().catch(() => {});
  for (const signal of until) {
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) {
      stop();
    }
  }
  const whole = new WholeBody(null, bytesMax);
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (!whole.push(next.value, 0, next.value.byteLength)) {
        if (leavesRest) {
          reader.releaseLock();
        } else {
          stop();
        }
        return "too_long";
      }
    }
  } catch {
    return "broken";
  } finally {
    for (const signal of until) {
      signal.removeEventListener("abort", stop);
    }
  }
  return until.some(({ aborted }) => aborted) ? "broken" : whole.bytes();
}
