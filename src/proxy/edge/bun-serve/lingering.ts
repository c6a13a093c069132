// A refused request whose body may still be arriving: the refusal is sent at once, and the rest is read for a while.
import { ConnectionCap } from "../../../guard/connection-cap.ts";
import { lineOfClients } from "../../../guard/read-turns.ts";
import { clientNetwork } from "../../../policy/client-network.ts";
import { TurnReader } from "../../upstream/turn-reader.ts";
import type { LingeringLimits } from "../lingering-limits.ts";
import { Ticker, type Ticking } from "./ticker.ts";

const LOOK_MS = 500;

/** A refused request: its body, if it can still be read, and who sent it. */
export interface RefusedUpload {
  readonly body: ReadableStream<Uint8Array> | null;
  readonly peer: string;
}

/**
 * Closes connections with unread bodies so that their clients see the refusal. A close at once resets the connection: a client
 * that is still sending then gets EPIPE, and throws away the answer that it has not read yet (RFC 9112 §9.6).
 */
export class Lingering {
  readonly #limits: LingeringLimits;
  readonly #cap: ConnectionCap;
  readonly #ticker = new Ticker(LOOK_MS);

  constructor(limits: LingeringLimits) {
    this.#limits = limits;
    this.#cap = new ConnectionCap(limits);
  }

  /** Connections that are read out at present. */
  get count(): number {
    return this.#cap.count;
  }

  /** The refusal's body as a stream: all of it at once, and its end when the upload has ended or a limit is reached. */
  bodyOf(text: Uint8Array | string, upload: RefusedUpload): ReadableStream<Uint8Array> {
    const source: Bun.DirectUnderlyingSource<Uint8Array> = {
      type: "direct",
      pull: async (sink) => {
        sink.write(typeof text === "string" ? text : (text as Uint8Array<ArrayBuffer>));
        sink.flush();
        await this.#readOut(upload);
        await sink.end();
      },
    };
    // The browsers' types, which this project uses too, do not know direct streams.
    return new ReadableStream(source as unknown as UnderlyingDefaultSource<Uint8Array>);
  }

  async #readOut({ body, peer }: RefusedUpload): Promise<void> {
    if (body === null || body.locked) {
      return;
    }
    const release = this.#cap.admit(peer);
    if (release === null) {
      return;
    }
    const rest = new UnwantedRest(
      new TurnReader(body, lineOfClients(clientNetwork(peer))),
      this.#limits,
    );
    this.#ticker.add(rest);
    try {
      await rest.read();
    } finally {
      this.#ticker.remove(rest);
      release();
    }
  }
}

/** The rest of one upload. */
class UnwantedRest implements Ticking {
  readonly #reader: TurnReader;
  readonly #limits: LingeringLimits;
  readonly #startedMs = performance.now();
  #bytes = 0;
  #cameMs = this.#startedMs;
  #isOver = false;

  constructor(reader: TurnReader, limits: LingeringLimits) {
    this.#reader = reader;
    this.#limits = limits;
  }

  /** Resolves when it has ended, the client is gone, or a limit is reached. */
  async read(): Promise<void> {
    try {
      while (!this.#isOver) {
        const { done, value } = await this.#reader.read();
        if (done) {
          return;
        }
        this.#bytes += value.byteLength;
        this.#cameMs = performance.now();
        this.#isOver ||= this.#bytes > this.#limits.bytesMax;
      }
    } catch {
      // The client is gone.
    }
  }

  tick(nowMs: number): void {
    const { silentMs, allMs } = this.#limits;
    if (nowMs - this.#cameMs > silentMs || nowMs - this.#startedMs > allMs) {
      this.#isOver = true;
      // Ends the read that waits.
      this.#reader.cancel().catch(() => {});
    }
  }
}
