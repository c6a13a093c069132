import type { Socket } from "node:net";

/** Backed up when more than this is queued. */
const WAITING_BYTES_MAX = 65_536;
/** Largest piece written at once: small enough to observe progress and to copy into one buffer. */
const PIECE_BYTES_MAX = 262_144;
/** Up to so many bytes are copied behind what waits, into buffers of this size: lists of a few bytes each are costly. */
const COPIED_BYTES_MAX = 512;
const GATHERED_BYTES = 4_096;
/** How long an ending socket may make no progress before it is destroyed. */
const LINGER_MS = 10_000;

/** Writers that wrote in this turn of the event loop. */
let writers: SocketWriter[] = [];

function turnEnded(): void {
  const ended = writers;
  writers = [];
  for (const writer of ended) {
    writer.turnEnded();
  }
}

/**
 * Write queue of a socket. The first bytes of a turn of the event loop are written at once; those that follow in the same turn
 * are gathered, so that a thousand short frames are one write. It never drops bytes: the caller checks `isBackedUp` and waits for `drained`.
 */
export class SocketWriter {
  readonly #socket: Socket;
  readonly #drained: () => void;
  #waiting: Buffer[] = [];
  /** Number of leading entries that are already written. */
  #written = 0;
  #waitingBytes = 0;
  /** The last part of the queue, of which `#gatheredBytes` are filled; null: none. */
  #gathered: Buffer | null = null;
  #gatheredBytes = 0;
  #isEnding = false;
  #hasMoved = false;
  #hasWrittenInTurn = false;
  #linger: ReturnType<typeof setInterval> | null = null;

  /** `drained`: called when the queue is empty again. */
  constructor(socket: Socket, drained: () => void) {
    this.#socket = socket;
    this.#drained = drained;
    socket.on("drain", () => this.#pump());
    socket.on("close", () => this.#stopLingering());
  }

  get isBackedUp(): boolean {
    return this.#waitingBytes + this.#socket.writableLength > WAITING_BYTES_MAX;
  }

  /** Takes ownership of the bytes. */
  write(bytes: Buffer): void {
    if (this.#isEnding || this.#socket.destroyed) {
      return;
    }
    const mayWrite = this.#waitingBytes === 0 && !this.#socket.writableNeedDrain;
    const isFirst = mayWrite && !this.#hasWrittenInTurn;
    if (isFirst) {
      this.#hasWrittenInTurn = true;
      if (writers.push(this) === 1) {
        setImmediate(turnEnded);
      }
    }
    if (isFirst && bytes.length <= PIECE_BYTES_MAX) {
      this.#socket.write(bytes);
      return;
    }
    this.#keep(bytes);
    if (this.#waitingBytes > PIECE_BYTES_MAX) {
      this.#writePieces();
    }
  }

  #keep(bytes: Buffer): void {
    const { length } = bytes;
    this.#waitingBytes += length;
    if (length > COPIED_BYTES_MAX) {
      this.#seal();
      this.#waiting.push(bytes);
      return;
    }
    if (this.#gatheredBytes + length > GATHERED_BYTES) {
      this.#seal();
    }
    this.#gathered ??= Buffer.allocUnsafeSlow(GATHERED_BYTES);
    bytes.copy(this.#gathered, this.#gatheredBytes);
    this.#gatheredBytes += length;
  }

  /** Nothing more is gathered in what waits. */
  #seal(): void {
    if (this.#gathered !== null) {
      this.#waiting.push(this.#gathered.subarray(0, this.#gatheredBytes));
      this.#gathered = null;
      this.#gatheredBytes = 0;
    }
  }

  /** Writes what was gathered. */
  turnEnded(): void {
    this.#hasWrittenInTurn = false;
    // Also when nothing is left: a long queue may have been written before the turn ended, and its caller still waits.
    if (!this.#socket.destroyed && !this.#socket.writableNeedDrain) {
      this.#writePieces();
      this.#continue();
    }
  }

  /** Writes the queue, then ends our side. Destroys the socket when the peer neither reads nor ends its own side. */
  end(): void {
    if (this.#isEnding || this.#socket.destroyed) {
      return;
    }
    this.#isEnding = true;
    this.#linger = setInterval(() => this.#giveUpUnlessMoved(), LINGER_MS);
    this.#writePieces();
    if (this.#waitingBytes === 0) {
      this.#socket.end();
    }
  }

  #pump(): void {
    this.#hasMoved = true;
    this.#writePieces();
    this.#continue();
  }

  /** What may be done once nothing waits. */
  #continue(): void {
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
    if (this.#socket.writableNeedDrain) {
      return;
    }
    this.#seal();
    while (this.#waitingBytes > 0 && !this.#socket.writableNeedDrain) {
      const piece = this.#nextPiece();
      this.#waitingBytes -= piece.length;
      this.#socket.write(piece);
    }
  }

  /** The next part of a long entry, or as many short entries as fit. */
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
    this.#gathered = null;
    this.#gatheredBytes = 0;
    this.#waitingBytes = 0;
    if (this.#linger !== null) {
      clearInterval(this.#linger);
    }
  }
}

function lengthOf(bytes: Buffer | undefined): number {
  return bytes === undefined ? 0 : bytes.length;
}
