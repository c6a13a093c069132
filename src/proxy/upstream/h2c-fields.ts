// Header fields of HTTP/2 as they go to a program and as they come from it (RFC 9113 §8.2, §8.3).
import type { OutgoingHttpHeaders } from "node:http2";
import { anticipatesContent, methodNamed } from "../../http1/method.ts";
import { isSafeTarget, isSafeValue, type RequestFraming } from "./request-bytes.ts";

/** What HTTP/2 says otherwise. */
const SAID_OTHERWISE: ReadonlySet<string> = new Set(["host", "content-length", "te"]);

/** Null: something in it could be read as another message. The gate itself takes trailers, and says so to every program. */
export function requestFields(
  method: string,
  target: string,
  headers: Headers,
  framing: RequestFraming,
): OutgoingHttpHeaders | null {
  const host = headers.get("host");
  if (!isSafeTarget(target) || host === null || !isSafeValue(host)) return null;
  const fields: OutgoingHttpHeaders = {
    ":method": method,
    ":scheme": "http",
    ":authority": host,
    ":path": target,
  };
  for (const [name, value] of headers) {
    if (SAID_OTHERWISE.has(name)) continue;
    if (!isSafeValue(value)) return null;
    fields[name] = value;
  }
  // The runtime sends no length with a request that ends with its head and whose method says nothing of content (seen in Bun 1.4.5).
  if (typeof framing === "number" && (framing > 0 || anticipatesContent(methodNamed(method)))) {
    fields["content-length"] = String(framing);
  }
  // gRPC asks for it (PROTOCOL-HTTP2: "TE must be trailers").
  fields.te = "trailers";
  return fields;
}

/** `raw`: names and values in turn. Pseudo-header fields are left out. Null: they are not what header fields may be. */
export function receivedFields(raw: readonly string[]): Headers | null {
  const headers = new Headers();
  try {
    for (let at = 0; at + 1 < raw.length; at += 2) {
      const name = raw[at] ?? "";
      const value = raw[at + 1] ?? "";
      if (name.startsWith(":")) continue;
      if (!isSafeValue(value)) return null;
      headers.append(name, value);
    }
    return headers;
  } catch {
    return null;
  }
}

/** Bytes that the response says it has; -1: it does not say. Null: what it says is no length. */
export function lengthOf(headers: Headers): number | null {
  const said = headers.get("content-length");
  if (said === null) return -1;
  return /^\d{1,15}$/.test(said) ? Number(said) : null;
}
