import type { Socket } from "node:net";
import { ABNORMAL, closePayload, Opcode } from "./frame.ts";
import { FrameReader, type FrameSink, type FrameViolation } from "./frame-reader.ts";
import { maskedFrame } from "./frame-writer.ts";
import { SocketWriter } from "./socket-writer.ts";

/** Who listens to a connection. Bytes are valid during the call only. */
export interface ConnectionListener extends FrameSink {
  /** What arrived together is delivered inside one call of `deliver`. */
  batch(deliver: () => void): void;
  /** What made it `isBackedUp` is on its way. */
  drained(): void;
  /**
   * The last call: how the peer ended it. NO_CODE: a Close frame without a code. ABNORMAL: no Close frame. A peer that
   * breaks the protocol counts as one that closes with the violation's code.
   */
  closed(code: number, reason: string): void;
}

/** How long a peer has to answer the Close frame that it was sent. */
const CLOSE_ANSWER_MS = 5_000;
const EMPTY = Buffer.alloc(0);

/**
 * One WebSocket connection in the role of the client, after its handshake, on a socket that is its own from then on. Nothing
 * is read before `open`. It answers a Close frame, but no ping: that is for who listens.
 */
export class WebSocketConnection implements FrameSink {
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #writer: SocketWriter;
  #head: Buffer;
  #listener: ConnectionListener | null = null;
  /** Our Close frame was the last one. */
  #isClosing = false;
  #answer: ReturnType<typeof setTimeout> | null = null;

  /** `head`: what came together with the answer to the handshake. */
  constructor(socket: Socket, head: Buffer, messageBytesMax: number) {
    this.#socket = socket;
    this.#head = head;
    this.#reader = new FrameReader(this, messageBytesMax);
    this.#writer = new SocketWriter(socket, () => this.#listener?.drained());
    socket.pause();
    // `close` follows, and says all there is to say.
    socket.on("error", () => {});
    socket.on("close", () => this.#gone());
  }

  /** Begins to read. */
  open(listener: ConnectionListener): void {
    const head = this.#head;
    this.#head = EMPTY;
    this.#listener = listener;
    if (this.#socket.destroyed) {
      this.#tell(ABNORMAL, "");
      return;
    }
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#read(head);
    this.#socket.resume();
  }

  get isBackedUp(): boolean {
    return this.#writer.isBackedUp;
  }

  sendText(message: string): void {
    this.#send(Opcode.text, Buffer.from(message));
  }

  /** The bytes are the connection's from now on. */
  sendBinary(message: Buffer): void {
    this.#send(Opcode.binary, message);
  }

  sendPing(data: Buffer): void {
    this.#send(Opcode.ping, data);
  }

  sendPong(data: Buffer): void {
    this.#send(Opcode.pong, data);
  }

  /** Stops reading: the peer has to wait. */
  pause(): void {
    if (!this.#isClosing) {
      this.#socket.pause();
    }
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Sends what waits, and a Close frame unless the code is ABNORMAL. The listener hears nothing more. */
  close(code: number, reason: string): void {
    this.#listener = null;
    if (this.#isClosing) {
      return;
    }
    if (code === ABNORMAL) {
      this.#end();
      return;
    }
    this.#send(Opcode.close, closePayload(code, reason));
    this.#isClosing = true;
    this.#answer = setTimeout(() => this.#end(), CLOSE_ANSWER_MS);
    // Its answer is behind whatever it has sent before.
    this.#socket.resume();
  }

  /** Ends it at once. The listener hears nothing more. */
  destroy(): void {
    this.#listener = null;
    this.#socket.destroy();
  }

  text(message: string): void {
    this.#listener?.text(message);
  }

  binary(message: Buffer): void {
    this.#listener?.binary(message);
  }

  ping(data: Buffer): void {
    this.#listener?.ping(data);
  }

  pong(data: Buffer): void {
    this.#listener?.pong(data);
  }

  /** The peer's Close frame: answered with the same, unless it is an answer itself. */
  closed(code: number, reason: string): void {
    this.#send(Opcode.close, closePayload(code, reason));
    this.#end();
    this.#tell(code, reason);
  }

  #read(chunk: Buffer): void {
    let violation: FrameViolation | null = null;
    const push = () => {
      violation = this.#reader.push(chunk);
    };
    if (this.#listener === null) {
      push();
    } else {
      this.#listener.batch(push);
    }
    const broken = violation as FrameViolation | null;
    if (broken !== null) {
      this.closed(broken.code, broken.reason);
    }
  }

  #send(opcode: number, payload: Buffer): void {
    if (this.#isClosing) {
      return;
    }
    for (const piece of maskedFrame(opcode, payload)) {
      this.#writer.write(piece);
    }
  }

  /** What still comes is read past, up to the peer's own end. */
  #end(): void {
    this.#isClosing = true;
    this.#writer.end();
    this.#socket.resume();
  }

  #gone(): void {
    this.#isClosing = true;
    if (this.#answer !== null) {
      clearTimeout(this.#answer);
    }
    this.#tell(ABNORMAL, "");
  }

  #tell(code: number, reason: string): void {
    const listener = this.#listener;
    this.#listener = null;
    listener?.closed(code, reason);
  }
}
