import { isUtf8 } from "node:buffer";
import { CONTROL_BYTES_MAX, type Fragment, isCloseCode, NO_CODE, Opcode } from "./frame.ts";

/** Receives what the peer sends. Bytes are valid during the call only: the reader reuses them. */
export interface FrameSink {
  /** A whole message, from one or several frames. */
  text(message: string): void;
  binary(message: Buffer): void;
  /** A part of a long message, when the reader passes such on. Of a text each part ends behind a character. */
  fragment(bytes: Buffer, fragment: Fragment): void;
  /** So many bytes more of a message that is not whole are kept; negative: as many fewer. */
  kept(bytes: number): void;
  ping(data: Buffer): void;
  pong(data: Buffer): void;
  /** The last call. `code` is NO_CODE when the frame has none. */
  closed(code: number, reason: string): void;
}

/** A protocol violation of the peer: the code and reason to close with. */
export interface FrameViolation {
  readonly code: 1002 | 1007 | 1009;
  readonly reason: string;
}

interface Header {
  readonly opcode: number;
  readonly isLast: boolean;
  readonly length: number;
  /** Bytes of the header itself. */
  readonly size: number;
  /** Where the four bytes of the mask are; -1: it has none. */
  readonly mask: number;
  /** Has a reserved bit, which no extension negotiated, or a mask where there must be none, or none where there must be one. */
  readonly isForeign: boolean;
}

/** Result of a step that needs more bytes. */
const MORE = -1;
const EMPTY = Buffer.alloc(0);
const GROWTH_BYTES_MIN = 4_096;
/** Of a message that is passed on in parts, each has so many bytes at least, but the last. */
const FRAGMENT_BYTES = 65_536;
/** Keeps a byte order mark: text is passed on unchanged. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses the frames of a server, or the masked ones of a client, without extensions (RFC 6455 §5). Unmasks in place. Time is linear in the bytes. Memory is the received
 * part of the current message, at most `messageBytesMax`, and up to twice that while the buffer grows; `passesFragments` makes it
 * `FRAGMENT_BYTES` and a chunk.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #messageBytesMax: number;
  readonly #isMasked: boolean;
  readonly #mask = new Uint8Array(4);
  /** Bytes of the current frame that are unmasked. */
  #unmasked = 0;
  /** An incomplete header or control frame. */
  #rest: Buffer = EMPTY;
  /** Buffer of the current message; `#messageBytes` of it are filled. */
  #message: Buffer = EMPTY;
  #messageBytes = 0;
  /** Of the current message, passed on already. */
  #passedBytes = 0;
  /** Of the current message; null between messages. */
  #opcode: number | null = null;
  /** Missing bytes of the current data frame; null between frames. */
  #expected: number | null = null;
  #isLast = false;
  #closed = false;
  #isHeld = false;
  #violation: FrameViolation | null = null;
  #isAbandoned = false;
  /** Frames that the last `push` began. */
  frames = 0;
  /** Long messages are handed over in parts, as they come. Not to be changed within a message. */
  passesFragments = false;

  /** `isMasked`: the peer is a client. */
  constructor(sink: FrameSink, messageBytesMax: number, isMasked = false) {
    this.#sink = sink;
    this.#isMasked = isMasked;
    this.#messageBytesMax = messageBytesMax;
  }

  /** Whether frames of an earlier chunk are still to be parsed: push an empty chunk. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Bytes of the last chunk that are held, taken back by the caller: it pushes them again. */
  returnHeld(): number {
    if (!this.#isHeld) return 0;
    const { length } = this.#rest;
    this.#isHeld = false;
    this.#rest = EMPTY;
    return length;
  }

  /** From now on only a Close frame matters: messages are read past, and nothing of them is kept. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#giveUp();
  }

  /**
   * Parses the next bytes, at most so many frames of them; the rest is held. Returns the first violation, if any; ignores
   * everything after it or after a Close frame.
   */
  push(chunk: Buffer, framesMax = Number.POSITIVE_INFINITY): FrameViolation | null {
    const bytes = this.#withRest(chunk);
    this.#isHeld = false;
    let at = 0;
    this.frames = 0;
    while (!this.#closed && this.#violation === null) {
      if (this.#expected === null && at < bytes.length) {
        if (this.frames >= framesMax) {
          this.#isHeld = true;
          this.#rest = bytes.subarray(at);
          break;
        }
        this.frames++;
      }
      const taken = this.#expected === null ? this.#frame(bytes, at) : this.#payload(bytes, at);
      if (taken === MORE) {
        break;
      }
      at += taken;
    }
    return this.#violation;
  }

  #withRest(chunk: Buffer): Buffer {
    const rest = this.#rest;
    this.#rest = EMPTY;
    if (rest.length === 0) {
      return chunk;
    }
    return chunk.length === 0 ? rest : Buffer.concat([rest, chunk]);
  }

  /** Parses a header; of a control frame the payload as well. */
  #frame(bytes: Buffer, at: number): number {
    const header = headerAt(bytes, at, this.#isMasked);
    const isControl = header !== null && header.opcode >= Opcode.close;
    const violation = header === null ? null : this.#violationOf(header);
    if (violation !== null) {
      this.#violation = violation;
      this.#giveUp();
      return 0;
    }
    if (header === null || (isControl && bytes.length < at + header.size + header.length)) {
      // Copied, so that a few bytes do not keep the whole chunk in memory.
      this.#rest = at === bytes.length ? EMPTY : Buffer.from(bytes.subarray(at));
      return MORE;
    }
    if (header.mask !== -1) {
      for (let k = 0; k < 4; k++) this.#mask[k] = bytes[header.mask + k] ?? 0;
      this.#unmasked = 0;
    }
    if (isControl) {
      const start = at + header.size;
      this.#control(header.opcode, this.#plain(bytes.subarray(start, start + header.length)));
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
    return this.#passedBytes + this.#messageBytes + length > this.#messageBytesMax
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
    this.#giveUp();
    this.#sink.closed(code, reason);
  }

  /** Takes the available bytes of the current data frame. */
  #payload(bytes: Buffer, at: number): number {
    const expected = this.#expected ?? 0;
    const part = this.#plain(bytes.subarray(at, at + expected));
    const isFrameDone = part.length === expected;
    const isDone = isFrameDone && this.#isLast;
    this.#expected = isFrameDone ? null : expected - part.length;
    if (this.#isAbandoned) {
      if (isDone) this.#opcode = null;
    } else if (isDone && this.#messageBytes === 0 && this.#passedBytes === 0) {
      this.#deliver(part);
    } else {
      this.#append(part);
      if (isDone && this.#passedBytes === 0) {
        this.#deliver(this.#message.subarray(0, this.#messageBytes));
      } else if (isDone || (this.passesFragments && this.#messageBytes >= FRAGMENT_BYTES)) {
        this.#passFragment(isDone);
      }
    }
    return isFrameDone ? part.length : MORE;
  }

  #plain(part: Buffer): Buffer {
    if (!this.#isMasked) return part;
    const mask = this.#mask;
    const from = this.#unmasked;
    for (let i = 0; i < part.length; i++) {
      part[i] = (part[i] as number) ^ (mask[(from + i) & 3] as number);
    }
    this.#unmasked = from + part.length;
    return part;
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
    this.#sink.kept(part.length);
  }

  #giveUp(): void {
    const bytes = this.#messageBytes;
    this.#message = EMPTY;
    this.#messageBytes = 0;
    if (bytes > 0) this.#sink.kept(-bytes);
  }

  #passFragment(isLast: boolean): void {
    const isText = this.#opcode === Opcode.text;
    const isFirst = this.#passedBytes === 0;
    const all = this.#message.subarray(0, this.#messageBytes);
    const end = isText && !isLast ? all.length - begunCharacter(all) : all.length;
    const part = all.subarray(0, end);
    this.#giveUp();
    if (isText && !isUtf8(part)) {
      this.#violation = NOT_UTF8;
      return;
    }
    this.#passedBytes += part.length;
    if (end < all.length) this.#append(all.subarray(end));
    if (isLast) {
      this.#opcode = null;
      this.#passedBytes = 0;
    }
    this.#sink.fragment(part, { isText, isFirst, isLast });
  }

  #deliver(message: Buffer): void {
    const isText = this.#opcode === Opcode.text;
    this.#opcode = null;
    this.#giveUp();
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

/** Bytes at the end of a text that are the beginning of a character, at most three (RFC 3629 §3). */
function begunCharacter(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

function decoded(bytes: Buffer): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

/** Null while incomplete. A length beyond exact integers becomes Infinity, which exceeds every limit. */
function headerAt(bytes: Buffer, at: number, isMasked: boolean): Header | null {
  if (bytes.length < at + 2) {
    return null;
  }
  const first = bytes.readUInt8(at);
  const second = bytes.readUInt8(at + 1);
  const short = second & 0x7f;
  const plainSize = short < 126 ? 2 : short === 126 ? 4 : 10;
  const size = isMasked ? plainSize + 4 : plainSize;
  if (bytes.length < at + size) {
    return null;
  }
  return {
    opcode: first & 0x0f,
    isLast: (first & 0x80) !== 0,
    length:
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : longLength(bytes, at),
    size,
    mask: isMasked ? at + plainSize : -1,
    isForeign: (first & 0x70) !== 0 || ((second & 0x80) !== 0) !== isMasked,
  };
}

function longLength(bytes: Buffer, at: number): number {
  const high = bytes.readUInt32BE(at + 2);
  return high > 0x1f_ffff ? Number.POSITIVE_INFINITY : high * 2 ** 32 + bytes.readUInt32BE(at + 6);
}
