// Finds the frames of HTTP/2 in bytes as they come (RFC 9113 §4.1). It reads headers of frames, not what they carry.

export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** Flags of frames, of DATA and HEADERS. */
export const FLAG = { END_STREAM: 1, END_HEADERS: 4 } as const;

const headerBytes = 9;

export interface FrameHeader {
  /** Of what the frame carries, without its header. */
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  /** Of a WINDOW_UPDATE; 0: it is none. */
  readonly increment: number;
  /** 0: the connection. */
  readonly stream: number;
}

/** Bytes of what a WINDOW_UPDATE carries (RFC 9113 §6.9). */
const incrementBytes = 4;

/** Feeds on bytes in any pieces. Costs nothing for each byte that a frame carries. */
export class FrameFinder {
  readonly #header = new Uint8Array(headerBytes + incrementBytes);
  #have = 0;
  /** Bytes that the present header has: that of a WINDOW_UPDATE is read with its increment. */
  #wanted = headerBytes;
  /** Bytes of the present frame that are still to come. */
  #left = 0;

  /** All of the last frame has come. */
  get isBetweenFrames(): boolean {
    return this.#left === 0 && this.#have === 0;
  }

  /** Calls `found` once for each header, as soon as it is complete. False: `found` answered so, and the rest was not read. */
  read(bytes: Uint8Array, found: (frame: FrameHeader) => boolean): boolean {
    let at = 0;
    while (at < bytes.length) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, bytes.length - at);
        this.#left -= skipped;
        at += skipped;
        continue;
      }
      this.#header[this.#have++] = bytes[at++] ?? 0;
      if (this.#have < this.#wanted) continue;
      const frame = readHeader(this.#header, this.#have);
      if (this.#wanted === headerBytes && isWindowUpdate(frame)) {
        this.#wanted += incrementBytes;
        continue;
      }
      this.#left = frame.length - (this.#wanted - headerBytes);
      this.#have = 0;
      this.#wanted = headerBytes;
      if (!found(frame)) return false;
    }
    return true;
  }
}

function isWindowUpdate({ type, length }: FrameHeader): boolean {
  return type === FRAME.WINDOW_UPDATE && length === incrementBytes;
}

function readHeader(bytes: Uint8Array, have: number): FrameHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    length: (view.getUint8(0) << 16) | view.getUint16(1),
    type: view.getUint8(3),
    flags: view.getUint8(4),
    // The highest bit is reserved.
    stream: view.getUint32(5) & 0x7f_ff_ff_ff,
    increment: have > headerBytes ? view.getUint32(headerBytes) & 0x7f_ff_ff_ff : 0,
  };
}

/** The server takes no streams after this one, and has no fault to find (RFC 9113 §6.8). */
export function goAwayFrame(lastStream: number): Uint8Array {
  const payloadBytes = 8;
  const frame = Buffer.alloc(headerBytes + payloadBytes);
  frame.writeUIntBE(payloadBytes, 0, 3);
  frame.writeUInt8(FRAME.GOAWAY, 3);
  frame.writeUInt32BE(lastStream, headerBytes);
  return frame;
}

/** The highest number of a stream. */
export const STREAM_MAX = 0x7f_ff_ff_ff;
