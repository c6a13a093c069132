// The body of a request on its way to its upstream.
import { clientLine } from "../exchange/byte-owner.ts";
import { PlatformSignal } from "../exchange/stop-signal.ts";
import { BodyPace } from "./body-pace.ts";
import { boundedBody } from "./bounded-body.ts";
import { BrokenBodyError } from "./broken-body.ts";
import { isShort } from "./framing.ts";
import { TurnReader } from "./turn-reader.ts";
import type { BodyStart } from "./unread-body.ts";
import type { ForwardedRequest, HeldBody } from "./upstream.ts";

/** The client's request as the platform has it. */
export interface ClientRequest extends Pick<Request, "method" | "headers" | "body"> {
  /** What is there of the body already; unset or null: the platform does not say. */
  readonly bodyStart?: BodyStart | null;
}

/** Watches a long body on its way. */
export interface BodyWatch {
  /** Called with each chunk, and with the end. */
  moved(): void;
  /** The client is too slow. */
  tooSlow(): void;
}

/** The request's body; a long one is watched, and must have `bytesMin` in each minute, without its waits in `line` (see `ReadTurns`). Null: there is none. */
export function outgoingBody(
  { body, headers }: ClientRequest,
  bytesMin: number,
  line: string,
  watch: BodyWatch,
): ReadableStream<Uint8Array> | null {
  if (body === null || isShort(headers)) return body;
  return watched(new TurnReader(body, line), new BodyPace(bytesMin), watch);
}

/** The same bytes, at the pace at which they are read. */
function watched(reader: TurnReader, pace: BodyPace, watch: BodyWatch): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await reader.read().catch((error: unknown) => {
        // The runtime prints the error that ends a stream.
        if (error instanceof BrokenBodyError) throw error;
        throw new Error(`body broke off: ${errorName(error)}`);
      });
      watch.moved();
      if (done) {
        controller.close();
      } else {
        if (!pace.keeps(value.byteLength, reader.senderMs)) {
          watch.tooSlow();
        }
        controller.enqueue(value);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** Code or name of an error, never its message: the runtime's messages carry the URL, whose query may hold a secret. */
export function errorName(error: unknown): string {
  if (!(error instanceof Error)) {
    return "unknown";
  }
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

/** See `Upstream.holdBody`. */
export async function holdBody(
  { body, headers }: ClientRequest,
  { active, held }: ForwardedRequest,
  limitMs: number,
): Promise<HeldBody> {
  if (held !== null) {
    return held;
  }
  if (body === null) {
    return "none";
  }
  if (!isShort(headers)) {
    return "unheld";
  }
  const late = AbortSignal.timeout(limitMs);
  const stopped = new PlatformSignal();
  active.signal.on(stopped);
  const { signal } = stopped;
  const whole = await boundedBody(body, Number.POSITIVE_INFINITY, clientLine(active), [
    late,
    signal,
  ]);
  active.signal.off(stopped);
  if (late.aborted || signal.aborted) {
    return "late";
  }
  return whole instanceof Uint8Array ? whole : "broken";
}
