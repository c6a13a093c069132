// Frames as the tests write and read them: one byte after the other, nothing shared with what is tested.

export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
  /** False: another fragment follows. */
  readonly last?: boolean;
  readonly mask?: readonly [number, number, number, number];
  /** RSV1, RSV2, RSV3 as the bits 0x40, 0x20, 0x10. */
  readonly reserved?: number;
}

export function encoded({ opcode, payload, last = true, mask, reserved = 0 }: Frame): Buffer {
  const head = [(last ? 0x80 : 0) | reserved | opcode];
  const masked = mask === undefined ? 0 : 0x80;
  if (payload.length < 126) {
    head.push(masked | payload.length);
  } else if (payload.length < 65_536) {
    head.push(masked | 126, payload.length >> 8, payload.length & 255);
  } else {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(payload.length));
    head.push(masked | 127, ...length);
  }
  if (mask === undefined) {
    return Buffer.concat([Buffer.from(head), payload]);
  }
  const hidden = Buffer.from(payload);
  for (let i = 0; i < hidden.length; i++) {
    hidden[i] = (hidden[i] ?? 0) ^ (mask[i % 4] ?? 0);
  }
  return Buffer.concat([Buffer.from([...head, ...mask]), hidden]);
}

/** All whole frames at the beginning, unmasked, and how many bytes they take. */
export function decoded(bytes: Buffer): { frames: (Frame & { masked: boolean })[]; size: number } {
  const frames: (Frame & { masked: boolean })[] = [];
  let at = 0;
  for (;;) {
    if (bytes.length < at + 2) {
      return { frames, size: at };
    }
    const first = bytes.readUInt8(at);
    const second = bytes.readUInt8(at + 1);
    const short = second & 127;
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
    const masked = second > 127;
    const start = at + 2 + lengthBytes + (masked ? 4 : 0);
    if (bytes.length < start) {
      return { frames, size: at };
    }
    const length =
      lengthBytes === 0
        ? short
        : lengthBytes === 2
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2));
    if (bytes.length < start + length) {
      return { frames, size: at };
    }
    const payload = Buffer.from(bytes.subarray(start, start + length));
    for (let i = 0; masked && i < length; i++) {
      payload[i] = (payload[i] ?? 0) ^ bytes.readUInt8(start - 4 + (i % 4));
    }
    frames.push({ opcode: first & 15, last: first > 127, payload, masked });
    at = start + length;
  }
}
