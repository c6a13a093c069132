// Opcodes and close codes of WebSocket (RFC 6455 §5.2, §7.4).

export const Opcode = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

/** Means a Close frame without a code; never on the wire. */
export const NO_CODE = 1005;
/** Means an end without a Close frame; never on the wire. */
export const ABNORMAL = 1006;

export const CONTROL_BYTES_MAX = 125;

/** A part of a message that is passed on before all of it has come (RFC 6455 §5.4). */
export interface Fragment {
  readonly isText: boolean;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

export function fragmentOpcode({ isText, isFirst }: Fragment): number {
  if (!isFirst) return Opcode.continuation;
  return isText ? Opcode.text : Opcode.binary;
}

/** Whether a Close frame may carry the code. */
export function isCloseCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== NO_CODE && code !== ABNORMAL) ||
    (code >= 3000 && code <= 4999)
  );
}

/** Payload of a Close frame; empty for a code that no frame may carry. Truncates a long reason between characters. */
export function closePayload(code: number, reason: string): Buffer {
  if (!isCloseCode(code)) {
    return Buffer.alloc(0);
  }
  const payload = Buffer.alloc(CONTROL_BYTES_MAX);
  payload.writeUInt16BE(code);
  const { written } = new TextEncoder().encodeInto(reason, payload.subarray(2));
  return payload.subarray(0, 2 + written);
}
