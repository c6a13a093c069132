// The server's end of a WebSocket whose other side is no WebSocket byte for byte: ssh, programs over HTTPS, scripts.
import type { UnfinishedShare } from "../../../guard/unfinished-bytes.ts";
import {
  ABNORMAL,
  CONTROL_BYTES_MAX,
  closePayload,
  NO_CODE,
  Opcode,
} from "../../../websocket/frame.ts";
import { FrameReader, type FrameSink } from "../../../websocket/frame-reader.ts";
import { serverFrameHeader } from "../../../websocket/frame-writer.ts";
import { acceptOf } from "../../../websocket/handshake.ts";
import {
  type ClientSocket,
  messageBytesMax,
  type UpgradedConnection,
} from "../upgraded-connection.ts";
import type { ClientTunnel, TunnelClient } from "./client-tunnel.ts";

export class WireWebSocket implements ClientSocket, ClientTunnel {
  readonly #carrier: TunnelClient;
  readonly #connection: UpgradedConnection;
  readonly #reader: FrameReader;
  readonly #unfinished: UnfinishedShare;
  #hasSaidClose = false;
  #isPaused = false;
  #isClosed = false;

  /** `unfinished`: what this client has of the messages that have come in part, over all clients. */
  constructor(carrier: TunnelClient, connection: UpgradedConnection, unfinished: UnfinishedShare) {
    this.#unfinished = unfinished;
    this.#carrier = carrier;
    this.#connection = connection;
    const sink: FrameSink = {
      text: (message) => connection.fromClient(message),
      binary: (message) => connection.fromClient(message),
      ping: (data) => {
        this.#frame(Opcode.pong, data);
        connection.clientPing(data);
      },
      pong: (data) => connection.clientPong(data),
      kept: (bytes) => unfinished.add(bytes),
      closed: (code, reason) => {
        this.close(code === NO_CODE ? 1000 : code, reason);
        this.#over(code, reason);
      },
    };
    this.#reader = new FrameReader(sink, messageBytesMax, true);
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isReady(): boolean {
    return !this.#isPaused || this.#isClosed;
  }

  fromClient(chunk: Uint8Array, start: number, end: number): void {
    if (this.#isClosed) return;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset + start, end - start);
    const violation = this.#reader.push(bytes);
    if (violation === null) return;
    this.close(violation.code, violation.reason);
    this.#over(ABNORMAL, "");
  }

  clientEnded(): void {
    this.#over(ABNORMAL, "");
    this.#carrier.leaveTunnel();
  }

  clientDrained(): void {
    if (!this.#isClosed) this.#connection.clientDrained(this);
  }

  clientClosed(): void {
    this.#over(ABNORMAL, "");
  }

  sendText(message: string): void {
    this.#frame(Opcode.text, Buffer.from(message));
  }

  sendBinary(message: Buffer<ArrayBuffer>): void {
    this.#frame(Opcode.binary, message);
  }

  ping(data: Buffer<ArrayBuffer>): void {
    this.#frame(Opcode.ping, data);
  }

  pong(data: Buffer<ArrayBuffer>): void {
    this.#frame(Opcode.pong, data);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#carrier.bodyWanted();
  }

  cork(deliver: () => void): void {
    deliver();
  }

  close(code: number, reason: string): void {
    if (this.#hasSaidClose) return;
    this.#hasSaidClose = true;
    this.#write(Opcode.close, closePayload(code, reason));
    this.#carrier.leaveTunnel();
  }

  terminate(): void {
    this.#carrier.reset();
  }

  getBufferedAmount(): number {
    return this.#carrier.waitingBytes;
  }

  #frame(opcode: number, payload: Buffer): void {
    if (!this.#hasSaidClose) this.#write(opcode, payload);
  }

  #write(opcode: number, payload: Buffer): void {
    const head = serverFrameHeader(opcode, payload.length);
    if (payload.length <= CONTROL_BYTES_MAX) {
      const frame = Buffer.concat([head, payload]);
      this.#carrier.send(frame, 0, frame.length);
      return;
    }
    this.#carrier.send(head, 0, head.length);
    this.#carrier.send(payload, 0, payload.length);
  }

  #over(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unfinished.leave();
    this.#connection.clientClosed(code, reason);
  }
}

/** The 101 for it. `headers`: those of the upstream; an empty protocol means none. */
export function agreement(key: string, headers: Headers): Uint8Array {
  let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  head += `Sec-WebSocket-Accept: ${acceptOf(key)}\r\n`;
  for (const [name, value] of headers) {
    if (name !== "sec-websocket-protocol" || value !== "") head += `${name}: ${value}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, "latin1");
}
