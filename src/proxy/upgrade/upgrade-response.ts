// An upstream that answers an upgrade like any other request: an ordinary response, and the connection is closed after it.
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { statedLength } from "../upstream/framing.ts";
import { hasNoBody, isFinalStatus } from "../upstream/response-checks.ts";
import { cleanResponseHeaders } from "../upstream/response-headers.ts";
import type { ForwardedRequest, ResponseBody } from "../upstream/upstream.ts";

/** Null for a status that no response can have; the socket is closed then. */
export function responseOf(
  message: IncomingMessage,
  socket: Socket,
  forwarded: ForwardedRequest,
  responseBody: ResponseBody,
): Response | null {
  const { active } = forwarded;
  const status = message.statusCode ?? 0;
  if (!isFinalStatus(status)) {
    socket.destroy();
    return null;
  }
  const headers = headersOf(message);
  const length = statedLength(headers);
  cleanResponseHeaders(headers, forwarded);
  const { statusMessage: statusText = "" } = message;
  if (hasNoBody(status)) {
    socket.destroy();
    active.end("complete");
    return new Response(null, { status, statusText, headers });
  }
  const bytes = bytesOf(message, () => socket.destroy());
  const body = responseBody(bytes, {
    active,
    length,
    source: null,
    cutOffUpstream: () => socket.destroy(),
  });
  return new Response(body, { status, statusText, headers });
}

/** Each line as it came, so that several Set-Cookie stay several. */
export function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    headers.append(rawHeaders[i] ?? "", rawHeaders[i + 1] ?? "");
  }
  return headers;
}

/**
 * The body, at the pace at which it is read. One that breaks off is an error, and so is one that is shorter than it said. `over`
 * is called when it ended in either way.
 */
function bytesOf(message: IncomingMessage, over: () => void): ReadableStream<Uint8Array> {
  const chunks = message[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await chunks.next();
        if (done !== true) {
          controller.enqueue(value as Uint8Array);
          return;
        }
      } catch (error) {
        over();
        throw error;
      }
      over();
      if (message.complete) {
        controller.close();
      } else {
        throw new Error("body broke off");
      }
    },
    async cancel() {
      message.destroy();
    },
  });
}
