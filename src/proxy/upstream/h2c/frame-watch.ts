// What node:http2 does not say of the frames that it gets, read beside it from their heads (RFC 9113 §4.1).

const HEAD_BYTES = 9;
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const CONTINUATION = 9;
const END_STREAM = 1;
const END_HEADERS = 4;

type StreamState = "open" | "ended" | "reset";

/**
 * Which streams their sender has ended: the runtime reports a stream that was reset without an error as one that ended (seen in
 * Bun 1.4.5), and a response that was cut short would pass for a whole one. Counts the frames that carry nothing of a response.
 */
export class FrameWatch {
  /** Frames besides DATA and HEADERS of streams that are watched, since the start. */
  idleFrames = 0;
  /**
   * The sender began a stream, though nothing may be pushed (RFC 9113 §5.1.1). The runtime takes it, tells nobody, and throws its errors
   * where nothing can catch them (seen in Bun 1.4.5).
   */
  hasBegunStream = false;
  readonly #states = new Map<number, StreamState>();
  readonly #head = new Uint8Array(HEAD_BYTES);
  #headBytes = 0;
  /** Of the payload of the frame at hand. */
  #leftBytes = 0;
  /** The stream that ends once the frame at hand has come, or the field block that it begins; 0: none. */
  #ending = 0;
  #isBlockOpen = false;

  /** Watches a stream until `forget`. */
  expect(stream: number): void {
    this.#states.set(stream, "open");
  }

  forget(stream: number): void {
    this.#states.delete(stream);
  }

  hasEnded(stream: number): boolean {
    return this.#states.get(stream) === "ended";
  }

  /** What was read last goes nowhere: no stream ends with it. */
  giveUp(): void {
    this.#states.clear();
  }

  /** Bytes as they come, in whatever pieces. */
  read(chunk: Uint8Array): void {
    const { length } = chunk;
    let at = 0;
    while (at < length) {
      if (this.#leftBytes > 0) {
        const step = Math.min(this.#leftBytes, length - at);
        this.#leftBytes -= step;
        at += step;
        if (this.#leftBytes === 0) this.#frameCame();
        continue;
      }
      this.#head[this.#headBytes++] = chunk[at++] as number;
      if (this.#headBytes === HEAD_BYTES) this.#frame();
    }
  }

  #frame(): void {
    const head = this.#head;
    this.#headBytes = 0;
    const [high = 0, middle = 0, low = 0, type = 0, flags = 0, a = 0, b = 0, c = 0, d = 0] = head;
    this.#leftBytes = (high << 16) | (middle << 8) | low;
    const stream = ((a & 0x7f) << 24) | (b << 16) | (c << 8) | d;
    if ((type === DATA || type === HEADERS) && this.#states.has(stream)) {
      if ((flags & END_STREAM) !== 0) {
        this.#ending = stream;
        this.#isBlockOpen = type === HEADERS && (flags & END_HEADERS) === 0;
      }
    } else {
      this.idleFrames++;
      if (type === CONTINUATION && (flags & END_HEADERS) !== 0) this.#isBlockOpen = false;
      if (type === RST_STREAM && this.#states.get(stream) === "open") {
        this.#states.set(stream, "reset");
      }
    }
    if (type === HEADERS && stream !== 0 && stream % 2 === 0) this.hasBegunStream = true;
    if (this.#leftBytes === 0) this.#frameCame();
  }

  /** All of the frame at hand. */
  #frameCame(): void {
    if (this.#ending === 0 || this.#isBlockOpen) return;
    if (this.#states.get(this.#ending) === "open") this.#states.set(this.#ending, "ended");
    this.#ending = 0;
  }
}
