// The body of a response on a raw connection, as the platform's stream.
import type { RawRequest } from "./raw/raw-request.ts";
import type { BodySource } from "./upstream.ts";

/** Bytes that may wait for the reader; at most one read of the socket comes on top of it. */
const WAITING_BYTES = 65_536;

/** Reads on as the reader does; cancelling it ends the request. */
export class ResponseStream implements BodySource {
  readonly body: ReadableStream<Uint8Array>;
  readonly #raw: RawRequest;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #isSuspended = false;

  constructor(raw: RawRequest) {
    this.#raw = raw;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          if (!this.#isSuspended) this.#raw.resume();
        },
        cancel: () => {
          this.#controller = null;
          this.#raw.abort();
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
    if (this.#isSuspended || this.#isFull) this.#raw.pause();
  }

  get waitingBytes(): number {
    return Math.max(0, WAITING_BYTES - (this.#controller?.desiredSize ?? WAITING_BYTES));
  }

  suspend(): void {
    this.#isSuspended = true;
    this.#raw.pause();
  }

  resume(): void {
    this.#isSuspended = false;
    if (!this.#isFull) this.#raw.resume();
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
