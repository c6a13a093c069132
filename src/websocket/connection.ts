import type { Socket } from "node:net";
import { DiscardedReads } from "./discarded-reads.ts";
import { ABNORMAL, closePayload, type Fragment, fragmentOpcode, Opcode } from "./frame.ts";
import { FrameReader, type FrameSink, type FrameViolation } from "./frame-reader.ts";
import type { FrameTurns } from "./frame-turns.ts";
import { maskedFrame } from "./frame-writer.ts";
import { SocketWriter } from "./socket-writer.ts";

/** Events of a connection. Bytes are valid during the call only. */
export interface ConnectionListener extends FrameSink {
  /** Whether `fragment` may be called; read once. */
  readonly takesFragments: boolean;
  /** How many frames it may be told of in a turn of the event loop; unset: it shares the turn with no other connection. */
  readonly turns?: FrameTurns;
  /** `deliver` delivers everything that arrived in one chunk. */
  batch(deliver: () => void): void;
  /** The connection is no longer backed up. */
  drained(): void;
  /**
   * The last call: how the peer ended the connection. NO_CODE: a Close frame without a code. ABNORMAL: no Close frame. A
   * protocol violation counts as a close with the violation's code.
   */
  closed(code: number, reason: string): void;
}

/** How long a peer may take to answer our Close frame. */
const CLOSE_ANSWER_MS = 5_000;
/** Frames of one connection that are delivered in one turn of the event loop; some 1 µs each. */
const FRAMES_PER_TURN = 256;
/** The same of those that are thrown away. */
const SKIPPED_PER_TURN = 4_096;
const EMPTY = Buffer.alloc(0);

/**
 * A client's WebSocket connection after the handshake; it owns the socket. It reads nothing before `open`. It answers Close
 * frames; the listener answers pings.
 */
export class WebSocketConnection implements FrameSink {
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #writer: SocketWriter;
  readonly #discarded: DiscardedReads;
  #head: Buffer;
  #listener: ConnectionListener | null = null;
  /** Our Close frame has been sent: nothing may follow it. */
  #isClosing = false;
  /** Our side has ended: what still comes means nothing. */
  #hasEnded = false;
  #answer: ReturnType<typeof setTimeout> | null = null;
  /** The listener wants nothing for now. */
  #isPaused = false;
  /** The socket is closed; what it had received is still delivered. */
  #isGone = false;
  #willContinue = false;

  /** `head`: bytes that arrived together with the handshake response. */
  constructor(socket: Socket, head: Buffer, messageBytesMax: number) {
    this.#socket = socket;
    this.#head = head;
    this.#reader = new FrameReader(this, messageBytesMax);
    this.#writer = new SocketWriter(socket, () => this.#listener?.drained());
    this.#discarded = new DiscardedReads(socket, () => this.#resumeSocket());
    socket.pause();
    // The `close` event follows and is handled.
    socket.on("error", () => {});
    socket.on("close", () => this.#gone());
  }

  /** Starts reading. */
  open(listener: ConnectionListener): void {
    const head = this.#head;
    this.#head = EMPTY;
    this.#listener = listener;
    this.#reader.passesFragments = listener.takesFragments;
    if (this.#socket.destroyed) {
      this.#tell(ABNORMAL, "");
      return;
    }
    this.#socket.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#read(head);
    this.#resumeSocket();
  }

  get isBackedUp(): boolean {
    return this.#writer.isBackedUp;
  }

  sendText(message: string): void {
    this.#send(Opcode.text, Buffer.from(message));
  }

  /** Takes ownership of the bytes. */
  sendBinary(message: Buffer): void {
    this.#send(Opcode.binary, message);
  }

  /** Takes ownership of the bytes. */
  sendFragment(bytes: Buffer, fragment: Fragment): void {
    this.#send(fragmentOpcode(fragment), bytes, fragment.isLast);
  }

  sendPing(data: Buffer): void {
    this.#send(Opcode.ping, data);
  }

  sendPong(data: Buffer): void {
    this.#send(Opcode.pong, data);
  }

  /** Stops reading, so that the peer must wait. */
  pause(): void {
    if (!this.#isClosing) {
      this.#isPaused = true;
      this.#socket.pause();
    }
  }

  resume(): void {
    this.#isPaused = false;
    this.#resumeSocket();
  }

  /** Sends the queue, then a Close frame unless the code is ABNORMAL. The listener gets no further events. */
  close(code: number, reason: string): void {
    this.#listener = null;
    this.#reader.abandon();
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
    // Read on: the answer comes after everything that the peer sent before it.
    this.resume();
  }

  /** Destroys the socket. The listener gets no further events. */
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

  fragment(bytes: Buffer, fragment: Fragment): void {
    this.#listener?.fragment(bytes, fragment);
  }

  kept(bytes: number): void {
    this.#listener?.kept(bytes);
  }

  ping(data: Buffer): void {
    this.#listener?.ping(data);
  }

  pong(data: Buffer): void {
    this.#listener?.pong(data);
  }

  /** Answers the peer's Close frame with the same code, unless ours was sent first. */
  closed(code: number, reason: string): void {
    this.#send(Opcode.close, closePayload(code, reason));
    this.#end();
    this.#tell(code, reason);
  }

  #read(chunk: Buffer): void {
    if (this.#listener === null) this.#discarded.took(chunk.length);
    if (this.#hasEnded) return;
    const turns = this.#listener?.turns;
    let violation: FrameViolation | null = null;
    const push = () => {
      violation = this.#reader.push(chunk, this.#framesMax(turns));
      turns?.took(this.#reader.frames);
    };
    if (this.#listener === null) {
      push();
    } else {
      this.#listener.batch(push);
    }
    const broken = violation as FrameViolation | null;
    if (broken !== null) {
      this.closed(broken.code, broken.reason);
    } else if (this.#reader.isHeld) {
      this.#socket.pause();
      this.#continueLater();
    } else if (this.#isGone) {
      this.#tell(ABNORMAL, "");
    }
  }

  #framesMax(turns: FrameTurns | undefined): number {
    if (this.#listener === null) return SKIPPED_PER_TURN;
    return turns?.mayGoOn === false ? 0 : FRAMES_PER_TURN;
  }

  /** What is held comes before what the socket has. */
  #resumeSocket(): void {
    if (this.#isPaused || this.#discarded.isWaiting) {
      return;
    }
    if (this.#reader.isHeld && !this.#hasEnded) {
      this.#continueLater();
    } else {
      this.#socket.resume();
    }
  }

  #continueLater(): void {
    if (this.#willContinue || this.#isPaused) {
      return;
    }
    this.#willContinue = true;
    const goOn = () => {
      this.#willContinue = false;
      if (!this.#isPaused) {
        this.#read(EMPTY);
        this.#resumeSocket();
      }
    };
    const turns = this.#listener?.turns;
    if (turns === undefined) setImmediate(goOn);
    else turns.wait(goOn);
  }

  #send(opcode: number, payload: Buffer, isLast = true): void {
    if (this.#isClosing) {
      return;
    }
    for (const piece of maskedFrame(opcode, payload, isLast)) {
      this.#writer.write(piece);
    }
  }

  /** Ends our side and discards what the peer still sends. */
  #end(): void {
    this.#isClosing = true;
    this.#hasEnded = true;
    this.#writer.end();
    if (!this.#discarded.isWaiting) this.#socket.resume();
  }

  #gone(): void {
    this.#isClosing = true;
    if (this.#answer !== null) {
      clearTimeout(this.#answer);
    }
    this.#isGone = true;
    if (!this.#reader.isHeld) {
      this.#tell(ABNORMAL, "");
    }
  }

  #tell(code: number, reason: string): void {
    const listener = this.#listener;
    this.#listener = null;
    listener?.closed(code, reason);
  }
}
