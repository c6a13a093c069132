// An upstream that answers an upgrade like any other request: it is an ordinary answer, and the connection is used no more.
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Forwarded } from "../upstream/fetch-upstream.ts";
import { removeHopByHop } from "../upstream/header-rules.ts";
import { answerBody } from "../upstream/response-body.ts";

/** Statuses whose answers have no body, whatever their headers say. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/** Null for a status that no Response can have; the socket is gone then. `gone`: the client went away. */
export function answerOf(
  message: IncomingMessage,
  socket: Socket,
  gone: AbortSignal,
  { live, exchange, ended }: Forwarded,
): Response | null {
  const status = message.statusCode ?? 0;
  if (status < 200 || status > 599) {
    socket.destroy();
    return null;
  }
  const headers = headersOf(message);
  removeHopByHop(headers);
  const { statusMessage: statusText = "" } = message;
  if (BODILESS.has(status)) {
    socket.destroy();
    ended("complete");
    return new Response(null, { status, statusText, headers });
  }
  const body = answerBody(bytesOf(message), {
    live,
    gone,
    letGo: () => socket.destroy(),
    moved: (bytes) => {
      exchange.bytes += bytes;
    },
    over: (how) => {
      socket.destroy();
      ended(how);
    },
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

/** At the pace they are taken; a body that breaks off is an error, and so is one that is shorter than it said. */
function bytesOf(message: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks = message[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await chunks.next();
      if (done !== true) {
        controller.enqueue(value as Uint8Array);
      } else if (message.complete) {
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
