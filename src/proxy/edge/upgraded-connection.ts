// The seam between an edge and a connection that was upgraded to WebSocket.
import type { Fragment } from "../../websocket/frame.ts";

/** The longest message, in bytes, in either direction. */
export const messageBytesMax = 64 * 1024 * 1024;

/** The client's end of a WebSocket. */
export interface ClientSocket {
  readonly isPaused: boolean;
  sendText(message: string): unknown;
  sendBinary(message: Buffer<ArrayBuffer>): unknown;
  /** Unset: it sends only whole messages. */
  sendFragment?(bytes: Buffer, fragment: Fragment): unknown;
  ping(data: Buffer<ArrayBuffer>): unknown;
  pong(data: Buffer<ArrayBuffer>): unknown;
  /** Stops reading from the client. */
  pause(): unknown;
  resume(): unknown;
  /** Writes everything that `deliver` sends at once. */
  cork(deliver: () => void): unknown;
  close(code: number, reason: string): void;
  /** Closes it without a Close frame. */
  terminate(): void;
  /** Bytes that wait for the client to read. */
  getBufferedAmount(): number;
}

/** What the edge calls for a WebSocket that it accepted. */
export interface UpgradedConnection {
  /** First of all: the client is connected. */
  joined(client: ClientSocket): void;
  fromClient(message: string | Buffer): void;
  /** A part of a long message, from an edge that does not hold such as a whole. */
  clientFragment(bytes: Buffer, fragment: Fragment): void;
  /** The edge has answered it already. */
  clientPing(data: Buffer): void;
  clientPong(data: Buffer): void;
  /** The client has read what waited for it. */
  clientDrained(client: ClientSocket): void;
  /** Last of all. 1006: without a Close frame, or after a violation of the protocol. */
  clientClosed(code: number, reason: string): void;
}

/** A client whose connection can be upgraded. */
export interface UpgradableClient {
  /**
   * Answers 101 with these header fields. False when the client is gone by now. The connection is the upgraded one's from then
   * on, and holds on to nothing of the request.
   */
  acceptUpgrade(connection: UpgradedConnection, headers: Headers): boolean;
}
