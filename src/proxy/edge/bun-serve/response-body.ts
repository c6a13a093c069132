// The body of an upstream's response on its way to the client, which can be stopped at any moment.
import type { ExchangeEnd } from "../../exchange/exchange.ts";
import {
  CLIENT_GONE,
  endBy,
  type StopListener,
  type StopReason,
} from "../../exchange/stop-signal.ts";
import type { ResponseBody, ResponseBodyOptions } from "../../upstream/upstream.ts";
import type { HeldBodies, HeldResponseBody, Room } from "./held-bodies.ts";

/**
 * The same bytes, at the pace at which the client reads them. A direct stream: of any other kind the runtime sees no error as
 * long as it waits for the client to read on (seen in Bun 1.4.5), and a client that reads nothing would never be cut off. The
 * runtime says a length only where the whole body is there before the first byte is sent, so what is short enough is held.
 */
export function streamedBody(heldBodies: HeldBodies): ResponseBody {
  return (body, options) => {
    const room = heldBodies.reserve(options.length);
    const copy = new BodyCopy(body, options, room);
    options.active.signal.on(copy);
    const source: Bun.DirectUnderlyingSource<Uint8Array> = {
      type: "direct",
      pull: (sink) => copy.pull(sink),
      cancel: () => copy.stopped(CLIENT_GONE),
    };
    // The browsers' types, which this project uses too, do not know direct streams.
    const direct = source as unknown as UnderlyingDefaultSource<Uint8Array>;
    return room === null
      ? new ReadableStream<Uint8Array>(direct)
      : new ReadableStream<Uint8Array>(direct, beyond(room.length));
  };
}

/** More than the body has: at the mark the runtime sends what it has, and that in chunks. */
function beyond(length: number): QueuingStrategy<Uint8Array> {
  return new ByteLengthQueuingStrategy({ highWaterMark: length + 1 });
}

class BodyCopy implements StopListener, HeldResponseBody {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: ResponseBodyOptions;
  readonly #room: Room | null;
  #sink: ReadableStreamDirectController | null = null;
  /** What came and is not sent before the rest is there; null: all is sent as it comes. */
  #held: Uint8Array[] | null = null;
  #end: ExchangeEnd | null = null;

  constructor(body: ReadableStream<Uint8Array>, options: ResponseBodyOptions, room: Room | null) {
    this.#reader = body.getReader();
    this.#options = options;
    this.#room = room;
    if (room !== null) {
      this.#held = [];
    }
  }

  /** The runtime calls it once, when it is ready to send. */
  async pull(sink: ReadableStreamDirectController): Promise<void> {
    this.#sink = sink;
    this.#room?.watch(this);
    let next = this.#read();
    while (this.#end === null) {
      const chunk = await next.catch(() => null);
      if (chunk === null) {
        this.#over("broken");
      } else if (chunk.done) {
        this.#over("complete");
      } else if (this.#end === null) {
        const written = this.#take(sink, chunk.value);
        next = this.#read();
        // A part must not wait for the rest, unless it is held.
        if (this.#held === null && Bun.peek.status(next) === "pending") {
          sink.flush();
        }
        if (written instanceof Promise) {
          await written;
        }
      }
    }
    await this.#close(sink);
    this.#room?.free();
  }

  #take(sink: ReadableStreamDirectController, part: Uint8Array): number | Promise<number> {
    this.#options.active.exchange.bytes += part.byteLength;
    if (this.#held === null) {
      return sink.write(part as Uint8Array<ArrayBuffer>);
    }
    this.#held.push(part);
    this.#room?.moved();
    return 0;
  }

  #read(): ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]> {
    const next = this.#reader.read();
    // It may reject while we wait for the client.
    next.catch(() => {});
    return next;
  }

  /** What is held is sent now, and the rest as it comes. */
  stoodStill(): void {
    if (this.#sink !== null && this.#end === null) {
      this.#write(this.#sink);
      this.#sink.flush();
    }
  }

  stopped(reason: StopReason): void {
    this.#over(endBy(reason));
    this.#options.cutOffUpstream();
    if (reason.kind !== "client_gone" && this.#sink !== null) {
      void this.#close(this.#sink);
    }
    this.#room?.free();
  }

  #over(how: ExchangeEnd): void {
    if (this.#end === null) {
      this.#end = how;
      this.#options.active.end(how);
    }
  }

  /** Ends it in good order, or resets it. The runtime may print the error, so it carries nothing of the exchange. */
  async #close(sink: ReadableStreamDirectController): Promise<void> {
    this.#room?.unwatch();
    if (this.#end === "complete") {
      this.#write(sink);
      // A promise as long as the client has not read it all.
      await sink.end();
      return;
    }
    // The client is to see a response that broke off, as when nothing is held.
    if (this.#end === "broken" && this.#held !== null) {
      this.#write(sink);
      sink.flush();
    }
    sink.close(new Error(`answer broke off: ${this.#end}`));
  }

  #write(sink: ReadableStreamDirectController): void {
    const parts = this.#held ?? [];
    this.#held = null;
    for (const part of parts) {
      sink.write(part as Uint8Array<ArrayBuffer>);
    }
  }
}
