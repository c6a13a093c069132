import { createHash } from "node:crypto";
import { Agent, type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";

/** A handshake request on a connected socket. */
interface Offer {
  readonly socket: Socket;
  /** Path and query. */
  readonly target: string;
  /** All headers except those of the handshake; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** 16 random bytes in base64. */
  readonly key: string;
  /** Value of Sec-WebSocket-Protocol; null: not sent. */
  readonly protocols: string | null;
  /** Milliseconds that the answer may take. */
  readonly limitMs: number;
  /** Cancels the handshake. */
  readonly signal: AbortSignal;
}

export type HandshakeAnswer =
  /** The socket now carries frames; `head` holds the first bytes. */
  | {
      readonly kind: "open";
      readonly protocol: string | null;
      readonly message: IncomingMessage;
      readonly head: Buffer;
    }
  /** An ordinary HTTP response: the server declined. */
  | { readonly kind: "answered"; readonly message: IncomingMessage }
  /** Timed out / invalid answer. The socket is destroyed. */
  | { readonly kind: "silent" }
  | { readonly kind: "broken"; readonly error: string };

/** One agent for each socket, so that no other request can reuse it. */
class OneSocket extends Agent {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super({ keepAlive: false });
    this.#socket = socket;
  }

  override createConnection(): Socket {
    return this.#socket;
  }
}

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** The client's opening handshake (RFC 6455 §4.1). Offers no extension and accepts none. */
export function shakeHands(offer: Offer): Promise<HandshakeAnswer> {
  const { socket, target, headers, key, protocols, limitMs, signal } = offer;
  const { promise, resolve } = Promise.withResolvers<HandshakeAnswer>();
  const asked = request({
    agent: new OneSocket(socket),
    setHost: false,
    path: target,
    headers: {
      ...headers,
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": key,
      ...(protocols === null ? {} : { "sec-websocket-protocol": protocols }),
    },
  });
  const settle = (answer: HandshakeAnswer) => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    if (answer.kind === "silent" || answer.kind === "broken") {
      socket.destroy();
    }
    resolve(answer);
  };
  const timer = setTimeout(() => settle({ kind: "silent" }), limitMs);
  const abort = () => settle({ kind: "broken", error: "aborted" });
  signal.addEventListener("abort", abort);
  asked.on("upgrade", (message, _socket, head) => settle(opened(offer, message, head)));
  asked.on("response", (message) =>
    // A 101 without an upgrade: the runtime reports it as an empty response.
    settle(
      message.statusCode === 101
        ? { kind: "broken", error: "no WebSocket handshake" }
        : { kind: "answered", message },
    ),
  );
  asked.on("error", (error) => settle({ kind: "broken", error: nameOf(error) }));
  asked.end();
  return promise;
}

function opened(offer: Offer, message: IncomingMessage, head: Buffer): HandshakeAnswer {
  const { headers } = message;
  const protocol = headers["sec-websocket-protocol"] ?? null;
  const agreed =
    message.statusCode === 101 &&
    headers.upgrade?.toLowerCase() === "websocket" &&
    listed(headers.connection ?? "").some((token) => token.toLowerCase() === "upgrade") &&
    headers["sec-websocket-accept"] === acceptOf(offer.key) &&
    headers["sec-websocket-extensions"] === undefined &&
    (protocol === null || listed(offer.protocols ?? "").includes(protocol));
  return agreed
    ? { kind: "open", protocol, message, head }
    : { kind: "broken", error: "no WebSocket handshake" };
}

/** The Sec-WebSocket-Accept that answers a key (RFC 6455 §4.2.2). */
export function acceptOf(key: string): string {
  return createHash("sha1").update(`${key}${GUID}`).digest("base64");
}

function listed(header: string): string[] {
  return header.split(",").map((token) => token.trim());
}

/** A code or name, never the message: it may contain parts of the request. */
function nameOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
