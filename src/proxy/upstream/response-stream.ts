// The body of an upstream's response, as the platform's stream.
import type { BodySource } from "./upstream.ts";
import type { BodyTap } from "./upstream-call.ts";

/** Bytes that may wait for the reader; at most one read of the socket comes on top of it. */
const WAITING_BYTES = 65_536;

/** Reads on as the reader does; cancelling it ends the request. */
export class ResponseStream implements BodySource {
  readonly body: ReadableStream<Uint8Array>;
  readonly #tap: BodyTap;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #isSuspended = false;

  constructor(tap: BodyTap) {
    this.#tap = tap;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          if (!this.#isSuspended) this.#tap.resume();
        },
        cancel: () => {
          this.#controller = null;
          this.#tap.abort();
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: WAITING_BYTES }),
    );
  }

  /** Takes bytes that stay as they are. */
  push(bytes: Uint8Array): void {
    const controller = this.#controller;
    if (controller === null) return;
    controller.enqueue(bytes);
    if (this.#isSuspended || this.#isFull) this.#tap.pause();
  }

  get waitingBytes(): number {
    const free = this.#controller?.desiredSize ?? WAITING_BYTES;
    return Math.max(0, WAITING_BYTES - free) + this.#tap.unreadBytes;
  }

  suspend(): void {
    this.#isSuspended = true;
    this.#tap.pause();
  }

  resume(): void {
    this.#isSuspended = false;
    if (!this.#isFull) this.#tap.resume();
  }

  get #isFull(): boolean {
    return (this.#controller?.desiredSize ?? 0) <= 0;
  }

  close(): void {
    const controller = this.#controller;
    this.#controller = null;
    controller?.close();
  }

  /** The runtime may print the error, so it carries nothing of the exchange. */
  fail(why: string): void {
    const controller = this.#controller;
    this.#controller = null;
    controller?.error(new Error(`response broke off: ${why}`));
  }
}
