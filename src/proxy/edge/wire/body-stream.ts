// The body of a request as a stream, for what takes the platform's objects.
import { BrokenBodyError } from "../../upstream/broken-body.ts";

export class BodyStream {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  #controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>> | null = null;
  #isWanted = false;
  #isOver = false;

  /** `wanted` is called when more is to be pushed. */
  constructor(wanted: () => void) {
    this.readable = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#isWanted = true;
          wanted();
        },
        cancel: () => {
          this.#isOver = true;
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Whether a piece is asked for. */
  get isWanted(): boolean {
    return this.#isWanted && !this.#isOver;
  }

  push(piece: Uint8Array<ArrayBuffer>): void {
    this.#isWanted = false;
    this.#controller?.enqueue(piece);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller?.close();
  }

  /** It will not come whole. */
  broke(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller?.error(new BrokenBodyError());
  }
}
