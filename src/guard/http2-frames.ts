// Finds the frames of HTTP/2 in bytes as they come (RFC 9113 §4.1). It reads headers of frames, not what they carry.

export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  GOAWAY: 7,
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
  /** 0: the connection. */
  readonly stream: number;
}

/** Feeds on bytes in any pieces. Costs nothing for each byte that a frame carries. */
export class FrameFinder {
  readonly #header = new Uint8Array(headerBytes);
  #have = 0;
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
      if (this.#have < headerBytes) continue;
      this.#have = 0;
      const frame = readHeader(this.#header);
      this.#left = frame.length;
      if (!found(frame)) return false;
    }
    return true;
  }
}

function readHeader(bytes: Uint8Array): FrameHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  return {
    length: (view.getUint8(0) << 16) | view.getUint16(1),
    type: view.getUint8(3),
    flags: view.getUint8(4),
    // The highest bit is reserved.
    stream: view.getUint32(5) & 0x7f_ff_ff_ff,
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
