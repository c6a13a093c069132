// An upgraded connection: messages pass in both directions, at the pace of the slower side.
import type { BurstPace, Paced } from "../../guard/burst-pace.ts";
import { bytesEndingTurn, eventLoopReads, type Yielding } from "../../guard/read-turns.ts";
import type { UnfinishedBytes, UnfinishedShare } from "../../guard/unfinished-bytes.ts";
import { clientNetwork } from "../../policy/client-network.ts";
import type { ConnectionListener } from "../../websocket/connection.ts";
import { ABNORMAL, type Fragment } from "../../websocket/frame.ts";
import type { FrameTurns } from "../../websocket/frame-turns.ts";
import type { ClientSocket, UpgradedConnection } from "../edge/upgraded-connection.ts";
import type { ExchangeEnd } from "../exchange/exchange.ts";
import { upstreamFrames } from "../exchange/frame-budget.ts";
import { ForwardedPings } from "./forwarded-pings.ts";

/** The upstream's end, with or without WebSocket framing. Nothing is read before `open`. */
export interface UpstreamEnd {
  open(listener: ConnectionListener): void;
  /** So much waits to be written that the client must pause. */
  readonly isBackedUp: boolean;
  sendText(message: string): void;
  /** The bytes are the upstream's from now on. */
  sendBinary(message: Buffer): void;
  /** The bytes are the upstream's from now on. */
  sendFragment(bytes: Buffer, fragment: Fragment): void;
  sendPing(data: Buffer): void;
  sendPong(data: Buffer): void;
  pause(): void;
  resume(): void;
  /** Sends what waits and a Close frame; none when the code is ABNORMAL. The listener is not called any more. */
  close(code: number, reason: string): void;
  /** Closes at once; what waits is lost. */
  destroy(): void;
}

export interface RelayWatch {
  /** Both ends are joined. */
  opened(relay: Relay): void;
  /** Payload bytes from the upstream; 0 for whatever else moves. */
  moved(bytes: number): void;
  /** Called once, in every case. */
  over(relay: Relay, how: ExchangeEnd): void;
}

/** More than this waits for the client: its upstream has to wait. */
const WAITING_BYTES_MAX = 65_536;
/** How long a client that is cut off may take to read what waits for it, so that the Close frame still reaches it. */
const CUT_OFF_MS = 500;
/** One change may end thousands; half of the work is closing upstreams, and clients must not wait for it. */
const CLIENTS_FIRST_MS = 250;

interface Farewell {
  readonly code: number;
  readonly reason: string;
}

/** Whose messages a relay carries, and how many it may at a time. */
export interface RelayShare {
  /** The client's address. */
  readonly client: string;
  readonly pace: BurstPace;
  /** The address of the container whose program sends. */
  readonly upstream: string;
  /** Of the messages that programs have sent half of. */
  readonly unfinished: UnfinishedBytes;
}

/** Joins one client to one upstream; the Close frame of either end is passed to the other. */
export class Relay implements ConnectionListener, UpgradedConnection, Paced, Yielding {
  readonly #upstream: UpstreamEnd;
  readonly #watch: RelayWatch;
  readonly #share: RelayShare;
  readonly #unfinished: UnfinishedShare;
  readonly #pings = new ForwardedPings();
  /** Of what the upstream sends. */
  readonly turns: FrameTurns;
  #client: ClientSocket | null = null;
  #isOver = false;
  /** The Close frame that the client has yet to get. */
  #farewell: Farewell | null = null;
  #cutOff: ReturnType<typeof setTimeout> | null = null;
  /** The client's messages and control frames in the turn `#turn` of the event loop. */
  burst = 0;
  #turn = -1;
  /** The client had too many of them, and waits. */
  #isHeld = false;
  /** What the upstream's present chunk has brought. */
  #chunkBytes = 0;
  /** The upstream sent much at once, and is read on in a coming turn. */
  #isYielding = false;

  constructor(upstream: UpstreamEnd, watch: RelayWatch, share: RelayShare) {
    this.#upstream = upstream;
    this.#watch = watch;
    this.#share = share;
    this.turns = upstreamFrames.of(share.upstream);
    this.#unfinished = share.unfinished.join(share.upstream, () => this.#overrun());
  }

  /** The client is there. */
  joined(client: ClientSocket): void {
    this.#client = client;
    if (this.#isOver) {
      this.#sayFarewell(client);
      return;
    }
    this.#watch.opened(this);
    if (!this.#isOver) {
      this.#upstream.open(this);
    }
  }

  /** The client went away before it was joined. */
  abandon(): void {
    this.#over("client_gone");
    this.#upstream.destroy();
  }

  /** Ends both. The client gets the code unless it does not read what waits for it; the upstream gets 1001. */
  cutOff(how: ExchangeEnd, code: number, reason: string): void {
    if (this.#isOver) {
      return;
    }
    this.#over(how);
    if (this.#upstream.isBackedUp) {
      this.#upstream.destroy();
    } else if (how === "revoked") {
      this.#upstream.pause();
      setTimeout(() => this.#upstream.close(1001, ""), CLIENTS_FIRST_MS);
    } else {
      this.#upstream.close(1001, "");
    }
    this.#farewell = { code, reason };
    if (this.#client !== null) {
      this.#sayFarewell(this.#client);
    }
  }

  fromClient(message: string | Buffer): void {
    this.#count();
    if (this.#isOver) {
      return;
    }
    if (typeof message === "string") {
      this.#upstream.sendText(message);
    } else {
      this.#upstream.sendBinary(message);
    }
    this.#holdClient();
  }

  clientFragment(bytes: Buffer, fragment: Fragment): void {
    this.#count();
    if (this.#isOver) return;
    this.#upstream.sendFragment(bytes, fragment);
    this.#holdClient();
  }

  /** The runtime has answered it already. */
  clientPing(data: Buffer): void {
    this.#count();
    if (this.#isOver) {
      return;
    }
    this.#pings.sent(data);
    this.#upstream.sendPing(data);
    this.#holdClient();
  }

  clientPong(data: Buffer): void {
    this.#count();
    if (!this.#isOver) {
      this.#upstream.sendPong(data);
      this.#holdClient();
    }
  }

  clientDrained(client: ClientSocket): void {
    if (this.#farewell !== null) {
      this.#sayFarewell(client);
    } else if (!this.#isOver && !isBackedUp(client)) {
      this.#releaseUpstream();
      this.#releaseClient();
    }
  }

  /** ABNORMAL: it went away without a Close frame, or violated the protocol. */
  clientClosed(code: number, reason: string): void {
    this.#stopCutOff();
    this.#client = null;
    if (!this.#isOver) {
      this.#over(code === ABNORMAL ? "client_gone" : "complete");
      this.#upstream.close(code, reason);
    }
  }

  get takesFragments(): boolean {
    return this.#client?.sendFragment !== undefined;
  }

  batch(deliver: () => void): void {
    if (this.#isOver) {
      return;
    }
    this.#chunkBytes = 0;
    this.#client?.cork(deliver);
    if (this.#client !== null && isBackedUp(this.#client)) {
      this.#upstream.pause();
    }
    this.#yieldTurn();
  }

  text(message: string): void {
    const bytes = Buffer.byteLength(message);
    this.#client?.sendText(message);
    this.#chunkBytes += bytes;
    this.#watch.moved(bytes);
  }

  binary(message: Buffer): void {
    this.#client?.sendBinary(message as Buffer<ArrayBuffer>);
    this.#chunkBytes += message.length;
    this.#watch.moved(message.length);
  }

  fragment(bytes: Buffer, fragment: Fragment): void {
    this.#client?.sendFragment?.(bytes, fragment);
    this.#watch.moved(bytes.length);
  }

  kept(bytes: number): void {
    if (bytes > 0) this.#chunkBytes += bytes;
    if (!this.#isOver) this.#unfinished.add(bytes);
  }

  ping(data: Buffer): void {
    this.#watch.moved(0);
    this.#client?.ping(data as Buffer<ArrayBuffer>);
  }

  pong(data: Buffer): void {
    this.#watch.moved(0);
    if (!this.#pings.answered(data)) {
      this.#client?.pong(data as Buffer<ArrayBuffer>);
    }
  }

  drained(): void {
    this.#releaseClient();
  }

  /** The Close frame goes behind what waits for the client. */
  closed(code: number, reason: string): void {
    if (this.#isOver) {
      return;
    }
    this.#over(code === ABNORMAL ? "broken" : "complete");
    if (code === ABNORMAL) {
      this.#client?.terminate();
    } else {
      this.#client?.close(code, reason);
    }
  }

  goOn(): void {
    this.#isHeld = false;
    if (this.#isOver) {
      this.#client?.resume();
    } else {
      this.#releaseClient();
    }
  }

  resumeReading(): void {
    this.#isYielding = false;
    this.#releaseUpstream();
  }

  #yieldTurn(): void {
    if (this.#chunkBytes < bytesEndingTurn || this.#isOver || this.#isYielding) return;
    this.#isYielding = true;
    this.#upstream.pause();
    eventLoopReads.wait(this, this.#share.upstream, this.#chunkBytes);
  }

  #releaseUpstream(): void {
    const client = this.#client;
    if (this.#isOver || this.#isYielding || client === null || isBackedUp(client)) return;
    this.#upstream.resume();
  }

  /** What a client sends is counted even when nothing is done with it: reading it is most of the work. */
  #count(): void {
    const { pace, client } = this.#share;
    const { turn } = pace;
    this.#watch.moved(0);
    if (turn !== this.#turn && !this.#isHeld) {
      this.#turn = turn;
      this.burst = 0;
    }
    if (++this.burst > pace.perTurn && !this.#isHeld && this.#client !== null) {
      this.#isHeld = true;
      this.#client.pause();
      pace.wait(clientNetwork(client), this);
    }
  }

  /** Either the upstream takes no more, or the client does not take our answers to its pings. */
  #holdClient(): void {
    // It is paused already; asking it costs more than a short message.
    if (this.#isHeld) {
      return;
    }
    const client = this.#client;
    if (client !== null && (this.#upstream.isBackedUp || isBackedUp(client))) {
      client.pause();
    }
  }

  #releaseClient(): void {
    const client = this.#client;
    if (client?.isPaused && !this.#isHeld && !this.#upstream.isBackedUp && !isBackedUp(client)) {
      client.resume();
    }
  }

  #sayFarewell(client: ClientSocket): void {
    const { code, reason } = this.#farewell ?? { code: ABNORMAL, reason: "" };
    if (client.getBufferedAmount() === 0) {
      this.#farewell = null;
      client.close(code, reason);
    } else {
      this.#cutOff ??= setTimeout(() => client.terminate(), CUT_OFF_MS);
    }
  }

  #stopCutOff(): void {
    if (this.#cutOff !== null) {
      clearTimeout(this.#cutOff);
      this.#cutOff = null;
    }
  }

  /** The program's container has the most of too many bytes of half messages. */
  #overrun(): void {
    this.#over("broken");
    this.#upstream.destroy();
    this.#farewell = { code: 1013, reason: "too much is half received" };
    if (this.#client !== null) this.#sayFarewell(this.#client);
  }

  #over(how: ExchangeEnd): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#unfinished.leave();
      this.#watch.over(this, how);
    }
  }
}

function isBackedUp(client: ClientSocket): boolean {
  return client.getBufferedAmount() > WAITING_BYTES_MAX;
}
