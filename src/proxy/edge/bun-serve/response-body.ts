// The body of an upstream's response on its way to the client, which can be stopped at any moment.
import { type ByteHolder, type HeldBytes, HeldShare } from "../../../guard/held-bytes.ts";
import { holdsOf } from "../../exchange/byte-owner.ts";
import type { ExchangeEnd } from "../../exchange/exchange.ts";
import {
  CLIENT_GONE,
  endBy,
  STALLED,
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
export function streamedBody(heldBodies: HeldBodies, held: HeldBytes): ResponseBody {
  return (body, options) => {
    const room = heldBodies.reserve(options.length);
    const copy = new BodyCopy(body, options, room, held);
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

/** So much is given to the runtime at a time: it copies what the client does not take. */
const PIECE_BYTES = 65_536;

class BodyCopy implements StopListener, HeldResponseBody, ByteHolder {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #options: ResponseBodyOptions;
  readonly #room: Room | null;
  readonly #bytes: HeldBytes;
  /** Not null: the client did not take at once what it was sent. */
  #share: HeldShare | null = null;
  /** Bytes of the part at hand that the client has not taken. */
  #unsent = 0;
  #sink: ReadableStreamDirectController | null = null;
  /** What came and is not sent before the rest is there; null: all is sent as it comes. */
  #held: Uint8Array[] | null = null;
  #end: ExchangeEnd | null = null;

  constructor(
    body: ReadableStream<Uint8Array>,
    options: ResponseBodyOptions,
    room: Room | null,
    bytes: HeldBytes,
  ) {
    this.#bytes = bytes;
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
        // Read on only when the client does: what is read meanwhile would have to be kept.
        if (written instanceof Promise) await this.#whileStalled(written);
        if (this.#end !== null) break;
        next = this.#read();
        // A part must not wait for the rest, unless it is held.
        if (this.#held === null && Bun.peek.status(next) === "pending") {
          sink.flush();
        }
      }
    }
    await this.#close(sink);
    this.#room?.free();
  }

  #take(sink: ReadableStreamDirectController, part: Uint8Array): number | Promise<number> {
    this.#options.active.exchange.bytes += part.byteLength;
    if (this.#held === null) {
      return part.length > PIECE_BYTES ? this.#inPieces(sink, part) : this.#piece(sink, part);
    }
    this.#held.push(part);
    this.#room?.moved();
    return 0;
  }

  /** A promise from the first piece on that the client does not take at once. */
  #inPieces(
    sink: ReadableStreamDirectController,
    part: Uint8Array,
    from = 0,
  ): number | Promise<number> {
    for (let at = from; at < part.length && this.#end === null; at += PIECE_BYTES) {
      const written = this.#piece(sink, part.subarray(at, at + PIECE_BYTES));
      if (!(written instanceof Promise)) continue;
      this.#unsent = part.length - at;
      this.#share?.update();
      return written.then(() => this.#inPieces(sink, part, at + PIECE_BYTES));
    }
    return 0;
  }

  #piece(sink: ReadableStreamDirectController, piece: Uint8Array): number | Promise<number> {
    this.#unsent = piece.length;
    return sink.write(piece as Uint8Array<ArrayBuffer>);
  }

  async #whileStalled(written: Promise<number>): Promise<void> {
    const { source } = this.#options;
    source?.suspend();
    this.#share ??= new HeldShare(this.#bytes, this);
    this.#share.update();
    await written.catch(() => 0);
    this.#unsent = 0;
    this.#share.leave();
    if (this.#end === null) source?.resume();
  }

  get heldBytes(): number {
    return this.#unsent + (this.#options.source?.waitingBytes ?? 0);
  }

  get holds(): ByteHolder["holds"] {
    return holdsOf(this.#options.active);
  }

  endStalled(): void {
    this.#options.active.signal.stop(STALLED);
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
    this.#share?.leave();
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
