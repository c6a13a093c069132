// A request's body, bounded in bytes and in time.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { WholeBody } from "../../guard/whole-body.ts";

/** Maximum request body in bytes. A permission document of maximum size fits. */
export const bodyBytesMax = 256 * 1024;
/** The same of what anybody may call: a login, a name and a password. */
export const publicBodyBytesMax: number = 16 * 1024;

/** How fast a body has to come: so many bytes in each window of so many milliseconds, until it is complete. */
export interface Pace {
  readonly paceBytes: number;
  readonly paceMs: number;
}

/** Throws ApiError: PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT. What is left of the body then is not read. */
export async function readBounded(
  request: Request,
  { paceBytes, paceMs }: Pace,
  bytesMax: number,
): Promise<Uint8Array> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  if (announced > bytesMax) throw new ApiError(ErrorCode.PAYLOAD_TOO_LARGE);
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  const whole = new WholeBody(null, bytesMax);
  let length = 0;
  let before = 0;
  let isLate = false;
  const window = setInterval(() => {
    isLate = length - before < paceBytes;
    before = length;
    if (isLate) void reader.cancel();
  }, paceMs);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (isLate) throw new ApiError(ErrorCode.REQUEST_TIMEOUT);
      if (done) return whole.bytes();
      length += value.byteLength;
      if (!whole.push(value, 0, value.byteLength)) throw new ApiError(ErrorCode.PAYLOAD_TOO_LARGE);
    }
  } finally {
    clearInterval(window);
  }
}
