import type { Socket } from "node:net";
import type { ConnectionListener } from "../../websocket/connection.ts";
import { DiscardedReads } from "../../websocket/discarded-reads.ts";
import { ABNORMAL, type Fragment } from "../../websocket/frame.ts";
import { SocketWriter } from "../../websocket/socket-writer.ts";
import type { UpstreamEnd } from "./relay.ts";

/**
 * An upstream whose bytes are passed on unread: each binary message is as many of them as it has, in either direction. Neither
 * direction can end alone: when the upstream ends its own, all of it is delivered and then both are over (1000).
 */
export class TcpUpstream implements UpstreamEnd {
  readonly #socket: Socket;
  readonly #writer: SocketWriter;
  readonly #discarded: DiscardedReads;
  #listener: ConnectionListener | null = null;
  #hasEnded = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#writer = new SocketWriter(socket, () => this.#listener?.drained());
    this.#discarded = new DiscardedReads(socket, () => socket.resume());
    socket.pause();
    socket.on("end", () => {
      this.#hasEnded = true;
      this.#tell(1000, "");
    });
    socket.on("close", () => this.#tell(this.#hasEnded ? 1000 : ABNORMAL, ""));
  }

  open(listener: ConnectionListener): void {
    this.#listener = listener;
    if (this.#socket.destroyed) {
      this.#tell(ABNORMAL, "");
      return;
    }
    this.#socket.on("data", (chunk: Buffer) => {
      if (this.#listener === null) this.#discarded.took(chunk.length);
      else this.#listener.batch(() => this.#listener?.binary(chunk));
    });
    this.#socket.resume();
  }

  get isBackedUp(): boolean {
    return this.#writer.isBackedUp;
  }

  /** There are no characters here (RFC 6455 §7.4.1). */
  sendText(): void {
    const listener = this.#listener;
    this.close(1003, "");
    listener?.closed(1003, "binary messages only");
  }

  sendBinary(message: Buffer): void {
    this.#writer.write(message);
  }

  /** Parts of a message are as good as all of it. */
  sendFragment(bytes: Buffer, { isText }: Fragment): void {
    if (isText) this.sendText();
    else this.#writer.write(bytes);
  }

  /** They are answered by the gate; the upstream would not know what they are. */
  sendPing(): void {}

  sendPong(): void {}

  pause(): void {
    if (this.#listener !== null) {
      this.#socket.pause();
    }
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code: number, _reason: string): void {
    this.#listener = null;
    if (code === ABNORMAL) {
      this.#socket.resetAndDestroy();
      return;
    }
    this.#writer.end();
    this.#socket.resume();
  }

  destroy(): void {
    this.#listener = null;
    this.#socket.resetAndDestroy();
  }

  #tell(code: number, reason: string): void {
    const listener = this.#listener;
    this.#listener = null;
    listener?.closed(code, reason);
  }
}
