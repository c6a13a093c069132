// The payload of a body, one piece for each read of its socket.
import { type BodyDecoder, BodyStep } from "../../../http1/body-decoder.ts";

/** Below it a loop is cheaper than the call. */
const LOOP_BYTES_MAX = 32;

/**
 * Reads all of `chunk` that is of the body and moves its payload together, over the chunk lines in between: whoever gets it pays for
 * bytes, not for chunks, of which an upstream can make 87,000 in one read of 512 KiB. The payload, also that before an error, is at
 * `dataStart` to `dataEnd`. Never answers `BodyStep.data`.
 */
export function gatherPayload(body: BodyDecoder, chunk: Uint8Array, from: number): BodyStep {
  let start = from;
  let end = from;
  let at = from;
  for (;;) {
    const step = body.read(chunk, at);
    at = body.consumed;
    if (step !== BodyStep.data) {
      body.dataStart = start;
      body.dataEnd = end;
      return step;
    }
    if (start === end) {
      start = body.dataStart;
      end = body.dataEnd;
    } else {
      end = move(chunk, body.dataStart, body.dataEnd, end);
    }
  }
}

/** Moves a span towards the start; answers where it ends then. */
function move(bytes: Uint8Array, start: number, end: number, to: number): number {
  if (end - start > LOOP_BYTES_MAX) {
    bytes.copyWithin(to, start, end);
  } else {
    for (let i = start; i < end; i++) bytes[to + i - start] = bytes[i] as number;
  }
  return to + end - start;
}
