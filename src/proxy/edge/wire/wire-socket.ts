// The runtime's socket, as far as a connection uses it.

/** What a connection needs of a socket; Bun's has it. */
export interface WireSocket {
  readonly remotePort: number;
  write(bytes: Uint8Array, start: number, length: number): number;
  pause(): void;
  resume(): void;
  shutdown(): void;
  /** Closes it. */
  end(): void;
  /** Resets it. */
  terminate(): void;
}
