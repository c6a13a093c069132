// The body of an upstream's response on its way to the client, which can be stopped at any moment.
import type { ExchangeEnd } from "../../exchange/exchange.ts";
import { CLIENT_GONE, type StopListener, type StopReason } from "../../exchange/stop-signal.ts";
import type { ResponseBodyOptions } from "../../upstream/upstream.ts";

/**
 * The same bytes, at the pace at which the client reads them. A direct stream: of any other kind the runtime sees no error as
 * long as it waits for the client to read on (seen in Bun 1.4.5), and a client that reads nothing would never be cut off.
 */
export function responseBody(
  body: ReadableStream<Uint8Array>,
  options: ResponseBodyOptions,
): ReadableStream<Uint8Array> {
  const copy = new BodyCopy(body, options);
  options.active.signal.on(copy);
  const source: Bun.DirectUnderlyingSource<Uint8Array> = {
    type: "direct",
    pull: (sink) => copy.pull(sink),
    cancel: () => copy.stopped(CLIENT_GONE),
  };
  // The browsers' types, which this project uses too, do not know direct streams.
  return new ReadableStream(source as unknown as UnderlyingDefaultSource<Uint8Array>);
}

class BodyCopy implements StopListener {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: ResponseBodyOptions;
  #sink: ReadableStreamDirectController | null = null;
  #end: ExchangeEnd | null = null;

  constructor(body: ReadableStream<Uint8Array>, options: ResponseBodyOptions) {
    this.#reader = body.getReader();
    this.#options = options;
  }

  /** The runtime calls it once, when it is ready to send. */
  async pull(sink: ReadableStreamDirectController): Promise<void> {
    this.#sink = sink;
    let next = this.#read();
    while (this.#end === null) {
      const chunk = await next.catch(() => null);
      if (chunk === null) {
        this.#over("broken");
      } else if (chunk.done) {
        this.#over("complete");
      } else if (this.#end === null) {
        this.#options.active.exchange.bytes += chunk.value.byteLength;
        const written = sink.write(chunk.value as Uint8Array<ArrayBuffer>);
        next = this.#read();
        // A body that is complete is sent with its length; a part must not wait for the rest.
        if (Bun.peek.status(next) === "pending") {
          sink.flush();
        }
        if (written instanceof Promise) {
          await written;
        }
      }
    }
    this.#close(sink);
  }

  #read(): ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]> {
    const next = this.#reader.read();
    // It may reject while we wait for the client.
    next.catch(() => {});
    return next;
  }

  stopped({ kind }: StopReason): void {
    const clientGone = kind === "client_gone";
    this.#over(clientGone ? "client_gone" : kind === "silent" ? "broken" : "revoked");
    this.#options.cutOffUpstream();
    if (!clientGone && this.#sink !== null) {
      this.#close(this.#sink);
    }
  }

  #over(how: ExchangeEnd): void {
    if (this.#end === null) {
      this.#end = how;
      this.#options.active.end(how);
    }
  }

  /** Ends it in good order, or resets it. The runtime may print the error, so it carries nothing of the exchange. */
  #close(sink: ReadableStreamDirectController): void {
    if (this.#end === "complete") {
      sink.end();
    } else {
      sink.close(new Error(`answer broke off: ${this.#end}`));
    }
  }
}
