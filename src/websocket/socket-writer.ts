import type { Socket } from "node:net";

/** More than this waits to be written: backed up. */
const WAITING_BYTES_MAX = 65_536;
/** What the socket is given at a time: small enough to see it move, and to be copied into one piece. */
const PIECE_BYTES_MAX = 262_144;
/** How long a socket that is being ended may rest before it is given up. */
const LINGER_MS = 10_000;

/**
 * What waits to be written to a socket, in order. Nothing is ever dropped: who writes looks at `isBackedUp` and waits for
 * `drained`.
 */
export class SocketWriter {
  readonly #socket: Socket;
  readonly #drained: () => void;
  #waiting: Buffer[] = [];
  /** How many of them are written already. */
  #written = 0;
  #waitingBytes = 0;
  #isEnding = false;
  #hasMoved = false;
  #linger: ReturnType<typeof setInterval> | null = null;

  /** `drained`: called when everything is written that made it backed up. */
  constructor(socket: Socket, drained: () => void) {
    this.#socket = socket;
    this.#drained = drained;
    socket.on("drain", () => this.#pump());
    socket.on("close", () => this.#stopLingering());
  }

  get isBackedUp(): boolean {
    return this.#waitingBytes + this.#socket.writableLength > WAITING_BYTES_MAX;
  }

  /** The bytes are the writer's from now on. */
  write(bytes: Buffer): void {
    if (this.#isEnding || this.#socket.destroyed) {
      return;
    }
    const mayWrite = this.#waitingBytes === 0 && !this.#socket.writableNeedDrain;
    if (mayWrite && bytes.length <= PIECE_BYTES_MAX) {
      this.#socket.write(bytes);
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (mayWrite) {
      this.#writePieces();
    }
  }

  /** Writes what waits, then ends our side. A peer that neither takes it nor ends its own side is not waited for. */
  end(): void {
    if (this.#isEnding || this.#socket.destroyed) {
      return;
    }
    this.#isEnding = true;
    this.#linger = setInterval(() => this.#giveUpUnlessMoved(), LINGER_MS);
    if (this.#waitingBytes === 0) {
      this.#socket.end();
    }
  }

  #pump(): void {
    this.#hasMoved = true;
    this.#writePieces();
    if (this.#waitingBytes > 0 || this.#socket.writableNeedDrain) {
      return;
    }
    if (this.#isEnding) {
      this.#socket.end();
    } else {
      this.#drained();
    }
  }

  #writePieces(): void {
    while (this.#waitingBytes > 0 && !this.#socket.writableNeedDrain) {
      const piece = this.#nextPiece();
      this.#waitingBytes -= piece.length;
      this.#socket.write(piece);
    }
  }

  /** Of a long one its next part, of short ones as many as fit. */
  #nextPiece(): Buffer {
    const from = this.#written;
    const first = this.#waiting[from] ?? Buffer.alloc(0);
    if (first.length > PIECE_BYTES_MAX) {
      this.#waiting[from] = first.subarray(PIECE_BYTES_MAX);
      return first.subarray(0, PIECE_BYTES_MAX);
    }
    let to = from;
    let bytes = 0;
    while (to < this.#waiting.length && bytes + lengthOf(this.#waiting[to]) <= PIECE_BYTES_MAX) {
      bytes += lengthOf(this.#waiting[to]);
      to++;
    }
    const piece = to === from + 1 ? first : Buffer.concat(this.#waiting.slice(from, to));
    this.#written = to;
    if (to === this.#waiting.length) {
      this.#waiting = [];
      this.#written = 0;
    }
    return piece;
  }

  #giveUpUnlessMoved(): void {
    if (!this.#hasMoved) {
      this.#socket.destroy();
    }
    this.#hasMoved = false;
  }

  #stopLingering(): void {
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (this.#linger !== null) {
      clearInterval(this.#linger);
    }
  }
}

function lengthOf(bytes: Buffer | undefined): number {
  return bytes === undefined ? 0 : bytes.length;
}
