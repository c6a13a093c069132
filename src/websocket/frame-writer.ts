import { randomFillSync } from "node:crypto";

/** Longer payloads are masked in place; copying shorter ones into one buffer with their header is cheaper. */
const COPIED_BYTES_MAX = 4_096;

const IS_LAST = 0x80;
const IS_MASKED = 0x80;
const MASK_BYTES = 4;

/** Masks must be unpredictable (RFC 6455 §5.3); random bytes are drawn for many frames at once. */
const masks = Buffer.alloc(16_384);
let masksUsed = masks.length;

/** One whole client frame, as buffers to write in order. May overwrite the payload. */
export function maskedFrame(opcode: number, payload: Buffer, isLast = true): readonly Buffer[] {
  const { length } = payload;
  const size = headerBytes(length) + MASK_BYTES;
  const copied = length <= COPIED_BYTES_MAX;
  const head = Buffer.allocUnsafe(copied ? size + length : size);
  writeHeader(head, opcode | (isLast ? IS_LAST : 0), length, IS_MASKED);
  const mask = nextMask();
  for (let i = 0; i < MASK_BYTES; i++) {
    head[size - MASK_BYTES + i] = byteAt(masks, mask + i);
  }
  if (!copied) {
    return [head, masked(payload, masks.subarray(mask, mask + 4))];
  }
  for (let i = 0; i < length; i++) {
    head[size + i] = byteAt(payload, i) ^ byteAt(masks, mask + (i & 3));
  }
  return [head];
}

/** The header of a server's frame, without a mask. Its payload follows. */
export function serverFrameHeader(opcode: number, length: number, isLast = true): Buffer {
  const head = Buffer.allocUnsafe(headerBytes(length));
  writeHeader(head, opcode | (isLast ? IS_LAST : 0), length, 0);
  return head;
}

/** Bytes of a header, without a mask (RFC 6455 §5.2). */
function headerBytes(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

/** `first`: the opcode, and `IS_LAST` or 0. `maskBit`: `IS_MASKED` or 0. */
function writeHeader(head: Buffer, first: number, length: number, maskBit: number): void {
  head[0] = first;
  if (length < 126) {
    head[1] = maskBit | length;
  } else if (length < 65_536) {
    head[1] = maskBit | 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = maskBit | 127;
    head.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    head.writeUInt32BE(length % 2 ** 32, 6);
  }
}

/** Where the next four unused bytes of `masks` are. */
function nextMask(): number {
  if (masksUsed === masks.length) {
    randomFillSync(masks);
    masksUsed = 0;
  }
  masksUsed += 4;
  return masksUsed - 4;
}

/** Masks in place, four bytes at a time; copies first when the payload is not aligned to four bytes. */
function masked(payload: Buffer, mask: Buffer): Buffer {
  const bytes =
    payload.byteOffset % 4 === 0 ? payload : Buffer.from(new Uint8Array(payload).buffer);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  const [word = 0] = new Uint32Array(Uint8Array.from(mask).buffer);
  for (let i = 0; i < words.length; i++) {
    words[i] = (words[i] ?? 0) ^ word;
  }
  for (let i = words.length * 4; i < bytes.length; i++) {
    bytes[i] = byteAt(bytes, i) ^ byteAt(mask, i & 3);
  }
  return bytes;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}
