// The body of a response on a raw connection, as the platform's stream.
import type { RawRequest } from "./raw/raw-request.ts";

/** Bytes that may wait for the reader; at most one read of the socket comes on top of it. */
const WAITING_BYTES = 262_144;

/** Reads on as the reader does; cancelling it ends the request. */
export class ResponseStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #raw: RawRequest;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor(raw: RawRequest) {
    this.#raw = raw;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#raw.resume(),
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
    if ((controller.desiredSize ?? 0) <= 0) this.#raw.pause();
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
