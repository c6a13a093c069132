import type { Refusal } from "../../gate/refusal.ts";
import { type RefusedRequest, renderRefusal } from "../../gate/refusal-response.ts";

/** The refusal as the runtime sends it. To HEAD it sends the head alone. */
export function refusalAsResponse(refusal: Refusal, request: RefusedRequest): Response {
  const { status, headers, body } = renderRefusal(refusal, request);
  return new Response(body, { status, headers });
}
