// One connection through a relay: what each side may send, and when it ends.
import type { Socket } from "bun";
import type { ConnectionCapOptions } from "./connection-cap.ts";
import { reportEscaped } from "./escaped-errors.ts";
import { type ByteSink, Outbox } from "./outbox.ts";
import { RELAY_SERVER_HOST } from "./server-peer.ts";
import type { TurnBudget } from "./turn-budget.ts";

/** An answer that a server gives while it refuses the rest of the request has no longer pause within, in milliseconds. */
const answerMs = 500;
/** Of one client, in bytes. */
const discardedPerTurn = 512 * 1024;
/** A connection sends little while it stays below this rate, beyond a first request. */
const lightBytesPerMs = 16;
const lightBytesMax = 1024;
const FOREVER = Number.POSITIVE_INFINITY;

export interface RelayLimits extends ConnectionCapOptions {
  /** How long a connection may be there before its first byte, a TLS handshake included, in milliseconds. */
  readonly firstByteMs: number;
  /** How long neither side may send a byte, in milliseconds. */
  readonly silentMs: number;
  /** How long a client may take nothing of what the server has sent, in milliseconds; unset: as long as `silentMs` lets it. */
  readonly stalledMs?: number;
  /** Bytes that one client network may send into the server in one turn of the event loop. */
  readonly bytesPerTurn: number;
  /** How long what a client still sends is read and thrown away once the server has closed, in milliseconds. */
  readonly lingerMs: number;
  /** How much of it, in bytes. */
  readonly lingerBytes: number;
}

/** Looks at what passes through one connection, and knows when it has to end. */
export interface ConnectionGuard {
  /** False: the connection is closed, and the bytes go nowhere. */
  fromClient(bytes: Uint8Array): boolean;
  fromServer(bytes: Uint8Array): void;
  /** What the bytes that came last from the client cost of `bytesPerTurn`; unset: one for each. */
  readonly lastCost?: number;
  /** Whether a deadline of its own has passed; `nowMs` is of `performance.now()`. */
  isLate(nowMs: number): boolean;
  /** Called once. */
  closed(): void;
}

/** What a relay needs of a client's socket; Bun's has it. */
export interface RelayedSocket extends ByteSink {
  readonly remotePort: number;
  pause(): unknown;
  resume(): unknown;
  shutdown(): unknown;
  /** Closes it. */
  end(): unknown;
  /** Resets it. */
  terminate(): unknown;
}

interface Held {
  readonly bytes: Uint8Array;
  /** Of one byte. */
  readonly cost: number;
}

interface RelayedOptions {
  readonly client: RelayedSocket;
  readonly serverPort: number;
  readonly limits: Omit<RelayLimits, keyof ConnectionCapOptions>;
  readonly budget: TurnBudget;
  readonly address: string;
  /** By what the budget is shared. */
  readonly key: string;
  readonly guard: ConnectionGuard | null;
  readonly connected: (port: number) => void;
  /** The connection to the server is closed: another program may get its port, while the client is still read out. */
  readonly disconnected: (port: number) => void;
  /** Called once. */
  readonly closed: (port: number | null) => void;
}

/** One connection of a client, and from its first byte on one to the server. */
export class Relayed {
  readonly #options: RelayedOptions;
  readonly #toClient = new Outbox();
  #server: Socket<undefined> | null = null;
  readonly #toServer = new Outbox();
  /** Ours of the connection to the server. */
  #port: number | null = null;
  #isConnecting = false;
  /** What the client has sent and the budget has not let through yet. */
  #held: Held[] = [];
  #isWaiting = false;
  /** Bytes that it may send though its network has used up its share; see `#take`. */
  #light = lightBytesMax;
  #lightMs = performance.now();
  #clientEnded = false;
  #serverEnded = false;
  #isClosed = false;
  #lastByteMs = performance.now();
  /** When the client last took something, or what it has not taken began to wait. */
  #takenMs = performance.now();
  #lingerUntilMs = FOREVER;
  /** When the server last sent a byte after it had refused the rest; null: it has not. */
  #refusedMs: number | null = null;
  #isRefused = false;
  #lingerBytes = 0;
  #lingerPauseBytes = discardedPerTurn;
  /** Bytes that wait, up to the end of what was interjected last. */
  #interjectedBytes = 0;

  constructor(options: RelayedOptions) {
    this.#options = options;
  }

  get address(): string {
    return this.#options.address;
  }

  get key(): string {
    return this.#options.key;
  }

  /** When either side last sent a byte, of `performance.now()`. */
  get lastByteMs(): number {
    return this.#lastByteMs;
  }

  /** Bytes that wait for the client, or for their turn. */
  get heldBytes(): number {
    if (this.#isClosed) return 0;
    let held = this.#toClient.bytes + this.#toServer.bytes;
    for (const { bytes } of this.#held) held += bytes.length;
    return held;
  }

  /** Whether the server may still send something. */
  get isServed(): boolean {
    return this.#isConnecting || (this.#server !== null && !this.#serverEnded);
  }

  /** Whether the client has not taken yet all that the server has sent. */
  get isFlushing(): boolean {
    return !this.#toClient.isEmpty;
  }

  fromClient(bytes: Uint8Array): void {
    this.#lastByteMs = performance.now();
    if (this.#serverEnded || this.#isRefused) {
      this.#discard(bytes.length);
      return;
    }
    if (this.#options.guard?.fromClient(bytes) === false) {
      this.close();
      return;
    }
    if (this.#isClosed) return;
    this.#held.push({ bytes, cost: this.#costOf(bytes.length) });
    if (this.#server === null) this.#connect();
    this.#pass();
  }

  /** Sends the client bytes that are not the server's. */
  interject(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#toClient.write(this.#options.client, bytes, 0, bytes.length);
    this.#interjectedBytes = this.#toClient.bytes;
  }

  /** Whether what was interjected is on its way. */
  get hasInterjected(): boolean {
    return this.#interjectedBytes <= 0;
  }

  /** Closes it behind what was sent. */
  end(): void {
    this.#close((client) => client.end());
  }

  refuseRest(): void {
    this.#isRefused = true;
    this.#held = [];
    this.#lingerUntilMs = performance.now() + this.#options.limits.lingerMs;
    this.#options.client.resume();
  }

  clientDrained(): void {
    this.#takenMs = performance.now();
    const { bytes } = this.#toClient;
    if (!this.#toClient.flush(this.#options.client)) return;
    this.#interjectedBytes -= bytes - this.#toClient.bytes;
    if (!this.#toClient.isEmpty) return;
    if (this.#serverEnded) {
      this.#linger();
      return;
    }
    // With TLS a socket also drains when its handshake is done: without a server yet, passing on would stop reading for good.
    if (this.#server === null) return;
    this.#server.resume();
    this.#pass();
  }

  clientEnded(): void {
    this.#clientEnded = true;
    if (this.#server === null && !this.#isConnecting) this.close();
    else if (this.#serverEnded && this.#toClient.isEmpty) this.#close((client) => client.end());
    else this.#passEnd();
  }

  tick(nowMs: number): void {
    const { limits } = this.#options;
    const bound =
      this.#server === null && !this.#isConnecting ? limits.firstByteMs : limits.silentMs;
    if (this.#refusedMs !== null && nowMs - this.#refusedMs > answerMs && !this.isFlushing) {
      this.#serverEnd();
    }
    const isStalled = this.isFlushing && nowMs - this.#takenMs > (limits.stalledMs ?? FOREVER);
    const isSilent = nowMs - this.#lastByteMs > bound;
    if (isSilent || isStalled || nowMs > this.#lingerUntilMs || this.#options.guard?.isLate(nowMs))
      this.close();
  }

  close(): void {
    this.#close((client) => client.terminate());
  }

  #close(end: (client: RelayedSocket) => void): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.closed(this.#port);
    this.#options.guard?.closed();
    this.#held = [];
    this.#server?.terminate();
    end(this.#options.client);
  }

  #costOf(length: number): number {
    const cost = this.#options.guard?.lastCost ?? length;
    return length === 0 ? 1 : Math.max(1, cost / length);
  }

  #connect(): void {
    if (this.#isConnecting) return;
    this.#isConnecting = true;
    Bun.connect<undefined>({
      hostname: RELAY_SERVER_HOST,
      port: this.#options.serverPort,
      allowHalfOpen: true,
      socket: {
        open: (server) => this.#connected(server),
        data: (_, bytes) => this.#fromServer(bytes),
        drain: () => this.#serverDrained(),
        end: () => this.#serverEnd(),
        close: () => this.#serverGone(),
        // Also what the handlers above throw.
        error: (_, error) => {
          this.#serverGone();
          reportEscaped(error);
        },
        connectError: () => this.close(),
      },
    }).catch(() => this.close());
  }

  #connected(server: Socket<undefined>): void {
    this.#isConnecting = false;
    if (this.#isClosed) {
      server.terminate();
      return;
    }
    this.#server = server;
    this.#port = server.localPort;
    this.#options.connected(server.localPort);
    this.#pass();
  }

  /**
   * Passes on what the budget allows; while anything is held the client is not read. Nothing is passed on for a client that
   * does not read its answers: the server would have to keep them.
   */
  #pass(hasWaited = false): void {
    if (this.#serverEnded || this.#isRefused) return;
    const { client, budget, key } = this.#options;
    const server = this.#server;
    const toServer = this.#toServer;
    while (!this.#isWaiting && server !== null && toServer.isEmpty && this.#toClient.isEmpty) {
      const first = this.#held[0];
      if (first === undefined) {
        if (this.#clientEnded) this.#passEnd();
        else client.resume();
        return;
      }
      const { bytes, cost } = first;
      const granted = Math.floor(this.#take(Math.ceil(bytes.length * cost), hasWaited) / cost);
      // A closed socket takes nothing more, and says by itself that it is closed.
      if (granted > 0 && toServer.write(server, bytes, 0, granted) < 0) break;
      if (granted === bytes.length) this.#held.shift();
      else this.#held[0] = { bytes: bytes.subarray(granted), cost };
      if (granted < bytes.length) {
        this.#isWaiting = true;
        budget.wait(key, () => this.#passOn());
      }
    }
    client.pause();
  }

  /** It has waited for its turn. */
  #passOn(): void {
    this.#isWaiting = false;
    try {
      if (!this.#isClosed) this.#pass(true);
    } catch (error) {
      this.close();
      reportEscaped(error);
    }
  }

  /**
   * A share of the network's budget; or, for a connection that sends little, of a second one, so that a neighbour in the same
   * network does not wait behind the connections that use up the first.
   */
  #take(wanted: number, hasWaited: boolean): number {
    const { budget, key } = this.#options;
    const nowMs = performance.now();
    const refilled = this.#light + (nowMs - this.#lightMs) * lightBytesPerMs;
    this.#light = Math.min(lightBytesMax, refilled);
    this.#lightMs = nowMs;
    let granted = budget.take(key, wanted);
    const light = Math.min(wanted - granted, Math.floor(this.#light));
    if (light > 0 && !hasWaited && this.#light >= lightBytesMax / 2)
      granted += budget.take(`${key} light`, light);
    this.#light = Math.max(0, this.#light - granted);
    return granted;
  }

  #passEnd(): void {
    if (this.#held.length === 0 && this.#toServer.isEmpty) this.#server?.shutdown();
  }

  #serverDrained(): void {
    const server = this.#server;
    if (server !== null && this.#toServer.flush(server) && this.#toServer.isEmpty) this.#pass();
  }

  #fromServer(bytes: Uint8Array): void {
    this.#lastByteMs = performance.now();
    if (this.#isRefused) this.#refusedMs = this.#lastByteMs;
    this.#options.guard?.fromServer(bytes);
    if (this.#toClient.isEmpty) this.#takenMs = this.#lastByteMs;
    const taken = this.#toClient.write(this.#options.client, bytes, 0, bytes.length);
    if (taken < bytes.length) this.#server?.pause();
  }

  #serverGone(): void {
    if (this.#port !== null) this.#options.disconnected(this.#port);
    this.#serverEnd();
  }

  #serverEnd(): void {
    if (this.#serverEnded || this.#isClosed) return;
    this.#serverEnded = true;
    this.#held = [];
    if (this.#toClient.isEmpty) this.#linger();
  }

  /** What an upload has left after the server's end: read at a pace, so that the client gets to read its answer. */
  #discard(length: number): void {
    const { client, budget, key, limits } = this.#options;
    this.#lingerBytes += length;
    if (this.#lingerBytes > limits.lingerBytes) {
      this.close();
      return;
    }
    if (this.#lingerBytes < this.#lingerPauseBytes) return;
    this.#lingerPauseBytes = this.#lingerBytes + discardedPerTurn;
    client.pause();
    budget.wait(key, () => {
      if (!this.#isClosed) client.resume();
    });
  }

  /** All that the server said is on its way: our side is ended, the client's is read out for a while. */
  #linger(): void {
    const { client, limits } = this.#options;
    if (this.#clientEnded) {
      this.#close(() => client.end());
      return;
    }
    if (!this.#isRefused) this.#lingerUntilMs = performance.now() + limits.lingerMs;
    client.shutdown();
    client.resume();
  }
}
