// The body of an upstream's response as a stream that ends with the exchange.
import type { ExchangeEnd } from "../../exchange/exchange.ts";
import { endBy, type StopListener, type StopReason } from "../../exchange/stop-signal.ts";
import type { ResponseBody, ResponseBodyOptions } from "../../upstream/upstream.ts";

/** Read at the pace of the client. When the exchange is stopped, reading fails. */
export const relayedBody: ResponseBody = (body, options) => {
  const source = new RelayedSource(body, options);
  return new ReadableStream<Uint8Array>(source, { highWaterMark: 0 });
};

class RelayedSource implements StopListener, UnderlyingDefaultSource<Uint8Array> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: ResponseBodyOptions;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #isOver = false;

  constructor(body: ReadableStream<Uint8Array>, options: ResponseBodyOptions) {
    this.#reader = body.getReader();
    this.#options = options;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.#options.active.signal.on(this);
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const { done, value } = await this.#reader.read();
      if (this.#isOver) return;
      if (done) {
        this.#over("complete");
        controller.close();
      } else {
        this.#options.active.exchange.bytes += value.byteLength;
        controller.enqueue(value);
      }
    } catch {
      this.#broken("broken");
    }
  }

  cancel(): void {
    this.#over("client_gone");
    this.#options.cutOffUpstream();
  }

  stopped(reason: StopReason): void {
    this.#options.cutOffUpstream();
    this.#broken(endBy(reason));
  }

  #broken(how: ExchangeEnd): void {
    if (this.#isOver) return;
    this.#over(how);
    // The runtime may print the error, so it carries nothing of the exchange.
    this.#controller?.error(new Error(`answer broke off: ${how}`));
  }

  #over(how: ExchangeEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.active.signal.off(this);
    this.#options.active.end(how);
  }
}
