// The trailers of a response as they may go to a client.
import { Known } from "../../http1/known-header.ts";
import { receivedFields } from "./h2c-fields.ts";
import { removeHopByHop, stripForwardedHeaders } from "./header-rules.ts";

/** Fields with a meaning in a head that have one in trailers, too; the others that the gate knows are dropped (RFC 9110 §6.5.1). */
const ALLOWED: ReadonlySet<string> = new Set(["date", "server", "x-request-id", "other"]);
const FRAMING = ["content-length", "transfer-encoding"] as const;

/** `raw`: names and values in turn. Null: they are not what trailers may be, or say where a message ends. */
export function passableTrailers(raw: readonly string[]): Headers | null {
  const trailers = receivedFields(raw);
  if (trailers === null || FRAMING.some((name) => trailers.has(name))) return null;
  removeHopByHop(trailers);
  stripForwardedHeaders(trailers, new Headers(trailers), false);
  for (const name of [...trailers.keys()]) {
    if (Object.hasOwn(Known, name) && !ALLOWED.has(name)) trailers.delete(name);
  }
  return trailers;
}
