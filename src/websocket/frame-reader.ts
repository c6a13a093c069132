import { CONTROL_BYTES_MAX, isCloseCode, NO_CODE, Opcode } from "./frame.ts";

/** What a peer in the role of the server says. Bytes belong to the reader: they are valid during the call only. */
export interface FrameSink {
  /** A whole message, however many frames it came in. */
  text(message: string): void;
  binary(message: Buffer): void;
  ping(data: Buffer): void;
  pong(data: Buffer): void;
  /** The last call. `code` is NO_CODE when the frame names none. */
  closed(code: number, reason: string): void;
}

/** How the peer broke the protocol: what to close with. */
export interface FrameViolation {
  readonly code: 1002 | 1007 | 1009;
  readonly reason: string;
}

interface Header {
  readonly opcode: number;
  readonly isLast: boolean;
  readonly length: number;
  /** Of the header itself. */
  readonly size: number;
  /** It has a reserved bit or a mask: nobody agreed on that. */
  readonly isForeign: boolean;
}

/** Answer of a step that has to wait for more bytes. */
const MORE = -1;
const EMPTY = Buffer.alloc(0);
const GROWTH_BYTES_MIN = 4_096;
/** A byte order mark is a character like any other: text arrives as it was sent. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads the frames of a server: unmasked, without extensions (RFC 6455 §5). Cost is linear in the bytes; memory is what has
 * come of the message at hand, at most `messageBytesMax`, and at most twice that while it grows.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #messageBytesMax: number;
  /** The beginning of a frame: an incomplete header, or an incomplete control frame. */
  #rest: Buffer = EMPTY;
  /** What has come of the message at hand is at its beginning. */
  #message: Buffer = EMPTY;
  #messageBytes = 0;
  /** Of the message at hand; null between messages. */
  #opcode: number | null = null;
  /** Bytes of the data frame at hand that are still to come; null between frames. */
  #expected: number | null = null;
  #isLast = false;
  #closed = false;
  #violation: FrameViolation | null = null;

  constructor(sink: FrameSink, messageBytesMax: number) {
    this.#sink = sink;
    this.#messageBytesMax = messageBytesMax;
  }

  /** Takes the next bytes; answers how the peer broke the protocol, if it did. What comes after that or after a Close is ignored. */
  push(chunk: Buffer): FrameViolation | null {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = EMPTY;
    let at = 0;
    while (!this.#closed && this.#violation === null) {
      const taken = this.#expected === null ? this.#frame(bytes, at) : this.#payload(bytes, at);
      if (taken === MORE) {
        break;
      }
      at += taken;
    }
    return this.#violation;
  }

  /** A header, together with what follows when it is a control frame. */
  #frame(bytes: Buffer, at: number): number {
    const header = headerAt(bytes, at);
    const isControl = header !== null && header.opcode >= Opcode.close;
    const violation = header === null ? null : this.#violationOf(header);
    if (violation !== null) {
      this.#message = EMPTY;
      this.#violation = violation;
      return 0;
    }
    if (header === null || (isControl && bytes.length < at + header.size + header.length)) {
      // Copied, so that a few bytes do not keep a whole chunk.
      this.#rest = at === bytes.length ? EMPTY : Buffer.from(bytes.subarray(at));
      return MORE;
    }
    if (isControl) {
      const start = at + header.size;
      this.#control(header.opcode, bytes.subarray(start, start + header.length));
      return header.size + header.length;
    }
    this.#opcode ??= header.opcode;
    this.#isLast = header.isLast;
    this.#expected = header.length;
    return header.size;
  }

  #violationOf({ opcode, isLast, length, isForeign }: Header): FrameViolation | null {
    if (isForeign) {
      return protocolError("reserved bit or mask");
    }
    if (opcode >= Opcode.close) {
      if (opcode > Opcode.pong) {
        return protocolError("unknown opcode");
      }
      return isLast && length <= CONTROL_BYTES_MAX ? null : protocolError("bad control frame");
    }
    if (opcode > Opcode.binary) {
      return protocolError("unknown opcode");
    }
    if ((opcode === Opcode.continuation) !== (this.#opcode !== null)) {
      return protocolError("fragments out of order");
    }
    return this.#messageBytes + length > this.#messageBytesMax
      ? { code: 1009, reason: "message too big" }
      : null;
  }

  #control(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.ping) {
      this.#sink.ping(payload);
    } else if (opcode === Opcode.pong) {
      this.#sink.pong(payload);
    } else {
      this.#close(payload);
    }
  }

  #close(payload: Buffer): void {
    const code = payload.length < 2 ? NO_CODE : payload.readUInt16BE();
    if (payload.length === 1 || (payload.length > 1 && !isCloseCode(code))) {
      this.#violation = protocolError("bad close code");
      return;
    }
    const reason = decoded(payload.subarray(2));
    if (reason === null) {
      this.#violation = NOT_UTF8;
      return;
    }
    this.#closed = true;
    this.#message = EMPTY;
    this.#sink.closed(code, reason);
  }

  /** What is there of the data frame at hand. */
  #payload(bytes: Buffer, at: number): number {
    const expected = this.#expected ?? 0;
    const part = bytes.subarray(at, at + expected);
    const isFrameDone = part.length === expected;
    this.#expected = isFrameDone ? null : expected - part.length;
    if (isFrameDone && this.#isLast && this.#messageBytes === 0) {
      this.#deliver(part);
    } else {
      this.#append(part);
      if (isFrameDone && this.#isLast) {
        this.#deliver(this.#message.subarray(0, this.#messageBytes));
      }
    }
    return isFrameDone ? part.length : MORE;
  }

  #append(part: Buffer): void {
    const needed = this.#messageBytes + part.length;
    if (needed > this.#message.length) {
      const capacity = Math.max(GROWTH_BYTES_MIN, needed, this.#message.length * 2);
      const grown = Buffer.allocUnsafe(Math.min(capacity, this.#messageBytesMax));
      this.#message.copy(grown, 0, 0, this.#messageBytes);
      this.#message = grown;
    }
    part.copy(this.#message, this.#messageBytes);
    this.#messageBytes = needed;
  }

  #deliver(message: Buffer): void {
    const isText = this.#opcode === Opcode.text;
    this.#opcode = null;
    this.#message = EMPTY;
    this.#messageBytes = 0;
    if (!isText) {
      this.#sink.binary(message);
      return;
    }
    const text = decoded(message);
    if (text === null) {
      this.#violation = NOT_UTF8;
    } else {
      this.#sink.text(text);
    }
  }
}

const NOT_UTF8: FrameViolation = { code: 1007, reason: "text is not UTF-8" };

function protocolError(reason: string): FrameViolation {
  return { code: 1002, reason };
}

function decoded(bytes: Buffer): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

/** Null when it is not whole yet. A length that no number holds exactly is Infinity: too big in any case. */
function headerAt(bytes: Buffer, at: number): Header | null {
  if (bytes.length < at + 2) {
    return null;
  }
  const first = bytes.readUInt8(at);
  const second = bytes.readUInt8(at + 1);
  const short = second & 0x7f;
  const size = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < at + size) {
    return null;
  }
  return {
    opcode: first & 0x0f,
    isLast: (first & 0x80) !== 0,
    length:
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : longLength(bytes, at),
    size,
    isForeign: (first & 0x70) !== 0 || (second & 0x80) !== 0,
  };
}

function longLength(bytes: Buffer, at: number): number {
  const high = bytes.readUInt32BE(at + 2);
  return high > 0x1f_ffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + bytes.readUInt32BE(at + 6);
}
