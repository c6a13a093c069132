// The two sides of a connection that is HTTP no longer.

/** What the client's connection does for it. */
export interface TunnelClient {
  /** Sends bytes, or keeps a copy. False: some are kept, `clientDrained` follows. */
  send(bytes: Uint8Array, start: number, end: number): boolean;
  /** Bytes are held for the upstream. */
  countHeld(): void;
  /** Bytes that wait for the client. */
  readonly waitingBytes: number;
  /** What the client sends is wanted again. */
  bodyWanted(): void;
  /** Ends our direction once all is written. */
  endTunnel(): void;
  /** Ends our direction, throws away what still comes, and closes. */
  leaveTunnel(): void;
  reset(): void;
}

/** What the client's connection calls. */
export interface ClientTunnel {
  /** Whether bytes of the client may be taken. */
  readonly isReady: boolean;
  /** Answers where it stopped; not at the end: it is not ready any more, and gets the rest once it is. */
  fromClient(chunk: Uint8Array, start: number, end: number): number;
  /** The client sends no more. May be called again. */
  clientEnded(): void;
  /** The client has read what waited for it. */
  clientDrained(): void;
  /** Its socket is closed. */
  clientClosed(): void;
}
