import type { Refusal } from "../../gate/refusal.ts";
import { type RefusedRequest, renderRefusal } from "../../gate/refusal-response.ts";

/** What becomes of the body of a refusal on its way out. */
export type RefusalBody = (
  body: Uint8Array<ArrayBuffer> | string,
) => ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer> | string;

/** The refusal as the runtime sends it. To HEAD it sends the head alone. */
export function refusalAsResponse(
  refusal: Refusal,
  request: RefusedRequest,
  sent: RefusalBody = (body) => body,
): Response {
  const { status, headers, body } = renderRefusal(refusal, request);
  return new Response(sent(body), { status, headers });
}
