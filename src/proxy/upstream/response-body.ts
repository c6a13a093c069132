// The body of an upstream's answer on its way to the client, which can be broken off at any moment.
import type { ExchangeEnd } from "../exchange/exchange.ts";

/** Who has to know of an answer's body. */
export interface AnswerBodyWatch {
  /** When it is allowed no more the client's connection is reset, however slowly the client reads. */
  readonly live: { whenRevoked(listener: () => void): void };
  /** Goes off when the client went away; nobody may ever have looked at the body then. */
  readonly gone: AbortSignal;
  /** Cuts off the upstream. */
  readonly letGo: () => void;
  /** Told of each chunk. */
  readonly moved: (bytes: number) => void;
  /** Told once, in every case. */
  readonly over: (how: ExchangeEnd) => void;
}

/**
 * The same bytes, at the pace they are taken. A direct stream: of any other kind the runtime sees no error as long as it waits
 * for the client to read on (seen in Bun 1.4.5), and whoever reads nothing would never be cut off.
 */
export function answerBody(
  body: ReadableStream<Uint8Array>,
  watch: AnswerBodyWatch,
): ReadableStream<Uint8Array> {
  const relay = new Relay(body, watch);
  watch.live.whenRevoked(() => relay.revoked());
  watch.gone.addEventListener("abort", relay);
  const source: Bun.DirectUnderlyingSource<Uint8Array> = {
    type: "direct",
    pull: (sink) => relay.pull(sink),
    cancel: () => relay.handleEvent(),
  };
  // The browsers' types, which this project has besides, do not know of such streams.
  return new ReadableStream(source as unknown as UnderlyingDefaultSource<Uint8Array>);
}

class Relay implements EventListenerObject {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #watch: AnswerBodyWatch;
  #sink: ReadableStreamDirectController | null = null;
  #end: ExchangeEnd | null = null;

  constructor(body: ReadableStream<Uint8Array>, watch: AnswerBodyWatch) {
    this.#reader = body.getReader();
    this.#watch = watch;
  }

  /** Called once, when the runtime is ready to send. */
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
        this.#watch.moved(chunk.value.byteLength);
        const written = sink.write(chunk.value as Uint8Array<ArrayBuffer>);
        next = this.#read();
        // What is whole already leaves with its length; what is not must not wait for the rest.
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
    // It may fail while we wait for the client.
    next.catch(() => {});
    return next;
  }

  revoked(): void {
    this.#over("revoked");
    this.#watch.letGo();
    if (this.#sink !== null) {
      this.#close(this.#sink);
    }
  }

  /** The client went away. */
  handleEvent(): void {
    this.#over("client_gone");
    this.#watch.letGo();
  }

  #over(how: ExchangeEnd): void {
    if (this.#end === null) {
      this.#end = how;
      this.#watch.gone.removeEventListener("abort", this);
      this.#watch.over(how);
    }
  }

  /** Ended in good order, or reset: the runtime may print what is given to it, so it is told nothing. */
  #close(sink: ReadableStreamDirectController): void {
    if (this.#end === "complete") {
      sink.end();
    } else {
      sink.close(new Error(`answer broke off: ${this.#end}`));
    }
  }
}
