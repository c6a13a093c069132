// Bodies of responses that are held until they are whole: only of these does the runtime say the length.
import { Ticker, type Ticking } from "./ticker.ts";

export interface HeldBodiesLimits {
  /** The longest body that is held, in bytes. */
  readonly bodyBytesMax: number;
  /** Bytes of all bodies that are held or wait for their clients. */
  readonly bytesMax: number;
  /** How long a body may stand still, to within twice as long, before its part is sent without a length, in milliseconds. */
  readonly stillMs: number;
}

const LIMITS: HeldBodiesLimits = {
  bodyBytesMax: 1024 * 1024,
  bytesMax: 64 * 1024 * 1024,
  stillMs: 100,
};

/** A body that is held. */
export interface HeldResponseBody {
  /** Called once when it has stood still for too long. */
  stoodStill(): void;
}

/** Room for held bodies, shared by all responses of an edge. */
export class HeldBodies {
  readonly #limits: HeldBodiesLimits;
  readonly #ticker: Ticker;
  #bytes = 0;

  constructor(limits: Partial<HeldBodiesLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
    this.#ticker = new Ticker(this.#limits.stillMs);
  }

  /** Bytes that are reserved at present. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Room for a body of so many bytes; null: it is too long, or there is too little. */
  reserve(length: number | null): Room | null {
    const { bodyBytesMax, bytesMax } = this.#limits;
    if (length === null || !(length <= bodyBytesMax) || this.#bytes + length > bytesMax) {
      return null;
    }
    this.#bytes += length;
    return new Room(length, this.#ticker, () => {
      this.#bytes -= length;
    });
  }
}

/** The room of one body. */
export class Room implements Ticking {
  readonly length: number;
  readonly #ticker: Ticker;
  readonly #freed: () => void;
  #body: HeldResponseBody | null = null;
  #hasMoved = true;
  #isFree = false;

  constructor(length: number, ticker: Ticker, freed: () => void) {
    this.length = length;
    this.#ticker = ticker;
    this.#freed = freed;
  }

  /** From now on the body may not stand still. */
  watch(body: HeldResponseBody): void {
    this.#body = body;
    this.#ticker.add(this);
  }

  /** A part of the body came. */
  moved(): void {
    this.#hasMoved = true;
  }

  /** The body is whole, or sent as it comes. Its room stays reserved. */
  unwatch(): void {
    this.#ticker.remove(this);
    this.#body = null;
  }

  tick(): void {
    if (this.#hasMoved) {
      this.#hasMoved = false;
      return;
    }
    const body = this.#body;
    this.unwatch();
    body?.stoodStill();
  }

  /** It is sent, or will never be. */
  free(): void {
    this.unwatch();
    if (!this.#isFree) {
      this.#isFree = true;
      this.#freed();
    }
  }
}
