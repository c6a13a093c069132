// The body of a client's request on its way to an upstream, at the pace of the slower one.
import type { BodyPace } from "./body-pace.ts";
import { chunkBytes, LAST_CHUNK, type RequestFraming } from "./request-bytes.ts";
import { TurnReader } from "./turn-reader.ts";
import type { BodySink } from "./upstream-call.ts";

export interface PumpOwner {
  /** Bytes of the body were sent, or its end. */
  moved(): void;
  /** The upstream does not take what was sent, or takes it again. */
  clogged(): void;
  /** The client is too slow. */
  tooSlow(): void;
  /** The body broke off, or has another length than it said. */
  brokeOff(): void;
}

/** Reads the body and writes it, until either side is over. */
export class RequestPump {
  readonly #reader: TurnReader;
  readonly #sink: BodySink;
  readonly #owner: PumpOwner;
  readonly #framing: RequestFraming;
  /** Null: a short body is not watched. */
  readonly #pace: BodyPace | null;
  #isOver = false;
  #hasBegun = false;
  #goOn: (() => void) | null = null;

  constructor(
    body: ReadableStream<Uint8Array>,
    sink: BodySink,
    framing: RequestFraming,
    pace: BodyPace | null,
    owner: PumpOwner,
    line: string,
  ) {
    this.#reader = new TurnReader(body, line);
    this.#sink = sink;
    this.#framing = sink.framingOf(framing);
    this.#pace = pace;
    this.#owner = owner;
  }

  /** The connection takes bytes: for the first time, or again. */
  drained(): void {
    if (this.#hasBegun) {
      this.#owner.clogged();
      const goOn = this.#goOn;
      this.#goOn = null;
      goOn?.();
      return;
    }
    this.#hasBegun = true;
    void this.#run();
  }

  /** The rest is not wanted. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#goOn?.();
    this.#reader.cancel().catch(() => {});
  }

  async #run(): Promise<void> {
    let sent = 0;
    for (;;) {
      const next = await this.#reader.read().catch(() => null);
      if (this.#isOver) return;
      if (next === null) break;
      this.#owner.moved();
      if (next.done) {
        if (typeof this.#framing === "number" && sent !== this.#framing) break;
        this.#isOver = true;
        if (this.#framing === "chunked") this.#write(LAST_CHUNK);
        this.#sink.finish();
        return;
      }
      const { value } = next;
      sent += value.byteLength;
      if (typeof this.#framing === "number" && sent > this.#framing) break;
      const isFast = this.#pace?.keeps(value.byteLength, this.#reader.senderMs) ?? true;
      if (!isFast) this.#owner.tooSlow();
      if (value.byteLength > 0 && !this.#write(value)) {
        this.#owner.clogged();
        await new Promise<void>((resolve) => {
          this.#goOn = resolve;
        });
      }
      if (this.#isOver) return;
    }
    this.stop();
    this.#owner.brokeOff();
  }

  #write(payload: Uint8Array): boolean {
    const isChunk = this.#framing === "chunked" && payload !== LAST_CHUNK;
    const bytes = isChunk ? chunkBytes(payload) : payload;
    return this.#sink.write(bytes, 0, bytes.length, true);
  }
}
