// The client's end of a tunnel: carries a byte stream in the binary messages of one WebSocket.

import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { type ConnectionListener, WebSocketConnection } from "./connection.ts";
import { type Dialled, dial } from "./dial.ts";
import { ABNORMAL } from "./frame.ts";
import { shakeHands } from "./handshake.ts";

interface Tunnel {
  /** `ws:` or `wss:`: the address to connect to, and the request target. */
  readonly url: URL;
  /** Names in lower case. The certificate must be valid for `host`. */
  readonly headers: Readonly<Record<string, string>> & { readonly host: string };
  /** Its end ends the tunnel: the directions cannot end separately. */
  readonly input: Readable;
  readonly output: Writable;
  /** PEM of the trusted authorities; null: the system's. */
  readonly ca: string | null;
  /** Milliseconds for the connection, and again for the handshake. */
  readonly limitMs: number;
}

/** Null: opened and closed normally. Otherwise one line about the failure, without credentials. */
export type TunnelFailure = string | null;

/** More than the gate ever sends in one message. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
/** Longest body of a refusal; the gate's own are shorter. */
const REFUSAL_BYTES_MAX = 4_096;

/** Resolves when the tunnel has ended; never rejects. */
export async function openTunnel(tunnel: Tunnel): Promise<TunnelFailure> {
  const { url, headers, limitMs, ca } = tunnel;
  const secure = url.protocol === "wss:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  const { signal } = new AbortController();
  const serverName = headers.host.replace(/:\d+$/, "");
  const tls = secure ? { serverName, verify: true, ca } : null;
  const dialled = await dial({ host, port, tls, limitMs, signal });
  if (dialled.kind !== "connected") {
    return undialled(dialled, `${host}:${port}`, limitMs);
  }
  const { socket } = dialled;
  const answer = await shakeHands({
    socket,
    target: `${url.pathname}${url.search}`,
    headers,
    key: randomBytes(16).toString("base64"),
    protocols: null,
    limitMs,
    signal,
  });
  switch (answer.kind) {
    case "silent":
      return `no answer from ${host}:${port} within ${limitMs / 1000} s`;
    case "broken":
      return `${host}:${port} does not answer like a gate (${answer.error})`;
    case "answered": {
      const refusal = await refusalOf(answer.message);
      socket.destroy();
      return refusal;
    }
    case "open":
      return carried(socket, answer.head, tunnel);
  }
}

function carried(socket: Socket, head: Buffer, tunnel: Tunnel): Promise<TunnelFailure> {
  const connection = new WebSocketConnection(socket, head, MESSAGE_BYTES_MAX);
  const { input, output } = tunnel;
  const { promise, resolve } = Promise.withResolvers<TunnelFailure>();
  const over = (failure: TunnelFailure) => {
    input.pause();
    // Resolve after the output has been written.
    output.write("", () => resolve(failure));
  };
  // What was read of the input is still on its way, and would be lost with the process.
  const leave = (code: number) => {
    connection.close(code, "");
    const closed = () => over(socket.writableFinished ? null : LOST);
    if (socket.closed) closed();
    else socket.once("close", closed);
  };
  const listener: ConnectionListener = {
    batch: (deliver) => deliver(),
    binary(bytes) {
      if (!output.write(Buffer.from(bytes))) {
        connection.pause();
      }
    },
    text() {
      connection.close(1003, "binary messages only");
      over("the gate sent a text message, which a tunnel does not use");
    },
    ping: (data) => connection.sendPong(Buffer.from(data)),
    pong() {},
    kept() {},
    takesFragments: false,
    fragment() {},
    drained: () => input.resume(),
    closed: (code, reason) => over(failureOf(code, reason)),
  };
  output.on("drain", () => connection.resume());
  // The reader is gone: end quietly.
  output.on("error", () => {
    connection.close(1001, "");
    resolve(null);
  });
  input.on("data", (chunk: Buffer) => {
    connection.sendBinary(chunk);
    if (connection.isBackedUp) {
      input.pause();
    }
  });
  input.on("error", () => leave(1001));
  input.on("end", () => leave(1000));
  connection.open(listener);
  return promise;
}

function failureOf(code: number, reason: string): TunnelFailure {
  if (code === 1000) {
    return null;
  }
  return code === ABNORMAL
    ? LOST
    : `closed by the gate: ${code}${reason === "" ? "" : ` ${printable(reason)}`}`;
}

/** Explanations of the codes of a failed dial. */
const MEANINGS: ReadonlyMap<string, string> = new Map([
  ["ENOTFOUND", "no such host"],
  ["EAI_AGAIN", "the name cannot be resolved now"],
  ["ECONNREFUSED", "nothing listens there"],
  ["ECONNRESET", "the connection was reset"],
  ["EHOSTUNREACH", "host unreachable"],
  ["ENETUNREACH", "network unreachable"],
]);

function undialled(
  failure: Exclude<Dialled, { kind: "connected" }>,
  where: string,
  limitMs: number,
): string {
  if (failure.kind === "silent") {
    return `no answer from ${where} within ${limitMs / 1000} s`;
  }
  const { error } = failure;
  const meaning = MEANINGS.get(error) ?? (/CERT|SIGNATURE|ISSUER/.test(error) ? NOT_TRUSTED : null);
  return `${where}: ${meaning === null ? error : `${meaning} (${error})`}`;
}

const LOST = "the connection was lost";
const NOT_TRUSTED = "its certificate is not trusted";

async function refusalOf(message: IncomingMessage): Promise<string> {
  const status = message.statusCode ?? 0;
  let text = "";
  try {
    for await (const chunk of message) {
      text += String(chunk);
      if (text.length > REFUSAL_BYTES_MAX) {
        break;
      }
    }
    const { code, message: said } = JSON.parse(text) as { code?: unknown; message?: unknown };
    if (typeof code === "string" && typeof said === "string") {
      const id = message.headers["x-realmgate-request-id"];
      const named = typeof id === "string" ? `; request ${printable(id)}` : "";
      return `refused: ${status} ${printable(code)} (${printable(said)}${named})`;
    }
  } catch {
    // Not a refusal of the gate: report the status alone.
  }
  return `refused: ${status}`;
}

/** Keeps a gate from writing control characters to the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?");
}
