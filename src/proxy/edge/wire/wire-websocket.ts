// The server's end of a WebSocket whose other side is no WebSocket byte for byte: ssh, programs over HTTPS, scripts.

import type { UnfinishedShare } from "../../../guard/unfinished-bytes.ts";
import {
  ABNORMAL,
  CONTROL_BYTES_MAX,
  closePayload,
  type Fragment,
  fragmentOpcode,
  NO_CODE,
  Opcode,
} from "../../../websocket/frame.ts";
import { FrameReader, type FrameSink } from "../../../websocket/frame-reader.ts";
import type { FrameTurns } from "../../../websocket/frame-turns.ts";
import { serverFrameHeader } from "../../../websocket/frame-writer.ts";
import { acceptOf } from "../../../websocket/handshake.ts";
import {
  type ClientSocket,
  messageBytesMax,
  type UpgradedConnection,
} from "../upgraded-connection.ts";
import type { ClientTunnel, TunnelClient } from "./client-tunnel.ts";

/** Frames that are parsed between two looks at whether the relay wants more, and the turn has room for them. */
const FRAMES_AT_ONCE = 32;
const EMPTY = Buffer.alloc(0);

/** Frames that are written at once: of one connection at a time, and copied where the client does not take them. */
const gathered = Buffer.allocUnsafeSlow(65_536);
/** More of a frame than this is not copied. */
const GATHERED_PAYLOAD_MAX = 16_384;
let gatheredBytes = 0;
/** The connection whose frames are gathered. */
let gathering: WireWebSocket | null = null;

export class WireWebSocket implements ClientSocket, ClientTunnel {
  readonly #carrier: TunnelClient;
  readonly #connection: UpgradedConnection;
  readonly #reader: FrameReader;
  readonly #unfinished: UnfinishedShare;
  readonly #turns: FrameTurns;
  #hasSaidClose = false;
  #isPaused = false;
  #isClosed = false;
  /** The rest of a chunk is parsed in a coming turn. */
  #isYielding = false;

  /**
   * `unfinished`: what this client has of the messages that have come in part, over all clients. `turns`: how many of its frames may
   * be taken apart in a turn, those that the relay does not see as well.
   */
  constructor(
    carrier: TunnelClient,
    connection: UpgradedConnection,
    unfinished: UnfinishedShare,
    turns: FrameTurns,
  ) {
    this.#unfinished = unfinished;
    this.#turns = turns;
    this.#carrier = carrier;
    this.#connection = connection;
    const sink: FrameSink = {
      text: (message) => connection.fromClient(message),
      binary: (message) => connection.fromClient(message),
      fragment: (bytes, fragment) => connection.clientFragment(bytes, fragment),
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
    this.#reader.passesFragments = true;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get isReady(): boolean {
    return (!this.#isPaused && !this.#isYielding) || this.#isClosed;
  }

  fromClient(chunk: Uint8Array, start: number, end: number): number {
    if (this.#isClosed) return end;
    let stopped = end;
    // Pongs.
    this.cork(() => {
      stopped = this.#read(chunk, start, end);
    });
    return stopped;
  }

  #read(chunk: Uint8Array, start: number, end: number): number {
    const reader = this.#reader;
    const turns = this.#turns;
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset + start, end - start);
    while (turns.mayGoOn) {
      const violation = reader.push(bytes, FRAMES_AT_ONCE);
      turns.took(reader.frames);
      if (violation !== null) {
        this.close(violation.code, violation.reason);
        this.#over(ABNORMAL, "");
        return end;
      }
      if (!reader.isHeld) return end;
      bytes = EMPTY;
      if (this.#isPaused) break;
    }
    if (!this.#isPaused) this.#yieldTurn();
    return bytes === EMPTY ? end - reader.returnHeld() : start;
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

  sendFragment(bytes: Buffer, fragment: Fragment): void {
    this.#frame(fragmentOpcode(fragment), bytes, fragment.isLast);
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
    if (gathering !== null) {
      deliver();
      return;
    }
    gathering = this;
    try {
      deliver();
    } finally {
      const bytes = gatheredBytes;
      gatheredBytes = 0;
      gathering = null;
      if (bytes > 0) this.#carrier.send(gathered, 0, bytes);
    }
  }

  close(code: number, reason: string): void {
    if (this.#hasSaidClose) return;
    this.#hasSaidClose = true;
    this.#write(Opcode.close, closePayload(code, reason));
    this.#flush();
    this.#carrier.leaveTunnel();
  }

  terminate(): void {
    this.#carrier.reset();
  }

  getBufferedAmount(): number {
    return this.#carrier.waitingBytes;
  }

  #yieldTurn(): void {
    this.#isYielding = true;
    this.#turns.wait(() => {
      this.#isYielding = false;
      this.#carrier.bodyWanted();
    });
  }

  #frame(opcode: number, payload: Buffer, isLast = true): void {
    if (!this.#hasSaidClose) this.#write(opcode, payload, isLast);
  }

  #write(opcode: number, payload: Buffer, isLast = true): void {
    const head = serverFrameHeader(opcode, payload.length, isLast);
    const bytes = head.length + payload.length;
    if (gathering === this) {
      if (payload.length > GATHERED_PAYLOAD_MAX || gatheredBytes + bytes > gathered.length)
        this.#flush();
      if (payload.length <= GATHERED_PAYLOAD_MAX) {
        gathered.set(head, gatheredBytes);
        gathered.set(payload, gatheredBytes + head.length);
        gatheredBytes += bytes;
        return;
      }
    }
    if (payload.length <= CONTROL_BYTES_MAX) {
      const frame = Buffer.concat([head, payload]);
      this.#carrier.send(frame, 0, frame.length);
      return;
    }
    this.#carrier.send(head, 0, head.length);
    this.#carrier.send(payload, 0, payload.length);
  }

  /** Sends what is gathered. */
  #flush(): void {
    if (gathering !== this || gatheredBytes === 0) return;
    const bytes = gatheredBytes;
    gatheredBytes = 0;
    this.#carrier.send(gathered, 0, bytes);
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
