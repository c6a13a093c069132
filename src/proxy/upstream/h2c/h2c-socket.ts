// The socket of a session: the platform's stream over a bare socket, so that reading it can be paused like any other.
import { Duplex } from "node:stream";
import { reportEscaped } from "../../../guard/escaped-errors.ts";
import { Outbox } from "../../../guard/outbox.ts";
import { bytesEndingTurn, type ReadTurns, type Yielding } from "../../../guard/read-turns.ts";

export interface H2cSocketOptions {
  /** An IP literal without brackets. */
  readonly address: string;
  readonly port: number;
  readonly turns: ReadTurns;
  /** Called with all that comes, before the session gets it. False: it does not get it. */
  readonly watch: (chunk: Uint8Array) => boolean;
  /** Connecting is over, however it went. */
  readonly settled: () => void;
}

/**
 * Given a socket of its own, node:http2 reads it natively and as long as it has bytes. This one takes turns with all others, and
 * what it was given before it was connected waits.
 */
export class H2cSocket extends Duplex implements Yielding {
  readonly #options: H2cSocketOptions;
  readonly #outbox = new Outbox();
  #socket: Bun.Socket<H2cSocket> | null = null;
  #written: ((error?: Error | null) => void) | null = null;
  /** The session has enough for now. */
  #isFull = false;
  #isYielding = false;

  constructor(options: H2cSocketOptions) {
    super({ highWaterMark: bytesEndingTurn, allowHalfOpen: false });
    this.#options = options;
    const { address, port } = options;
    Bun.connect<H2cSocket>({ hostname: address, port, data: this, socket: HANDLERS }).catch(() =>
      this.refused(),
    );
  }

  /** node:http2 waits for `connect` while this is so. */
  get connecting(): boolean {
    return this.#socket === null;
  }

  opened(socket: Bun.Socket<H2cSocket>): void {
    this.#options.settled();
    if (this.destroyed) {
      socket.terminate();
      return;
    }
    this.#socket = socket;
    this.emit("connect");
    this.drained();
  }

  /** Called once or twice. */
  refused(): void {
    this.#options.settled();
    this.destroy(new Error("refused"));
  }

  received(chunk: Uint8Array): void {
    if (this.destroyed) return;
    const { turns, address } = this.#options;
    if (turns.endsTurn(address, chunk.length, true) && !this.#isYielding) {
      this.#isYielding = true;
      turns.yield(this, address, chunk.length);
    }
    if (!this.#options.watch(chunk)) return;
    if (!this.push(chunk)) this.#isFull = true;
    if (this.#isFull || this.#isYielding) this.#socket?.pause();
  }

  drained(): void {
    const socket = this.#socket;
    const written = this.#written;
    if (socket === null || written === null) return;
    if (!this.#outbox.flush(SINK.of(socket))) {
      this.destroy();
    } else if (this.#outbox.isEmpty) {
      this.#written = null;
      written();
    }
  }

  ended(): void {
    this.push(null);
  }

  resumeReading(): void {
    this.#isYielding = false;
    if (!this.#isFull) this.#socket?.resume();
  }

  override _read(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    if (!this.#isYielding) this.#socket?.resume();
  }

  override _write(
    chunk: Uint8Array,
    _encoding: BufferEncoding,
    written: (error?: Error | null) => void,
  ): void {
    const socket = this.#socket;
    const taken = this.#outbox.write(SINK.of(socket), chunk, 0, chunk.length);
    if (taken < 0) written(new Error("closed"));
    else if (this.#outbox.isEmpty) written();
    else this.#written = written;
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket?.shutdown();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#outbox.clear();
    this.#written = null;
    this.#socket?.terminate();
    done(error);
  }
}

/** A socket that takes nothing while it is connected. */
class Sink {
  #socket: Bun.Socket<H2cSocket> | null = null;

  of(socket: Bun.Socket<H2cSocket> | null): this {
    this.#socket = socket;
    return this;
  }

  write(bytes: Uint8Array, start: number, length: number): number {
    return this.#socket === null ? 0 : this.#socket.write(bytes, start, length);
  }
}

/** Used during one call only. */
const SINK = new Sink();

const HANDLERS: Bun.SocketHandler<H2cSocket> = {
  open: (socket) => socket.data.opened(socket),
  data(socket, chunk) {
    socket.data.received(chunk);
  },
  drain: (socket) => socket.data.drained(),
  end: (socket) => socket.data.ended(),
  close(socket) {
    socket.data.destroy();
  },
  // Also what the handlers above throw.
  error(socket, error) {
    socket.data.destroy();
    reportEscaped(error);
  },
  connectError: (socket) => socket.data.refused(),
};
