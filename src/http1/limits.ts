/** What one message may cost. Every limit is a count or a number of bytes; a message beyond one is an error, never cut short. */
export interface Limits {
  /** Bytes of a head, from the first byte of the start line (an empty line before it included) to the empty line that ends it. */
  readonly headBytesMax: number;
  /** Field lines in a head, and in a trailer section. */
  readonly lineCountMax: number;
  /** Bytes of the request target. */
  readonly targetBytesMax: number;
  /** Bytes of the method. */
  readonly methodBytesMax: number;
  /**
   * Members of all Connection lines besides `close`, `keep-alive` and `upgrade`. Each is compared with each line: with 8,
   * the worst head of 16 KiB costs 0.13 ms.
   */
  readonly connectionOptionCountMax: number;
  /** Bytes of the data of one chunk: there are programs that count them in 32 bits. */
  readonly chunkBytesMax: number;
  /** Bytes of all chunk extensions of one body, each `;` included. */
  readonly chunkExtensionBytesMax: number;
  /** Bytes of a trailer section, the empty line that ends it included. */
  readonly trailerBytesMax: number;
  /** Interim answers (1xx) before the final one. */
  readonly interimCountMax: number;
}

export const DEFAULT_LIMITS: Limits = {
  headBytesMax: 16_384,
  lineCountMax: 128,
  targetBytesMax: 8_192,
  methodBytesMax: 32,
  connectionOptionCountMax: 8,
  chunkBytesMax: 2_147_483_647,
  chunkExtensionBytesMax: 4_096,
  trailerBytesMax: 8_192,
  interimCountMax: 16,
};
