// Connections that speak HTTP/2: TLS ends here, and the runtime's server, which cannot be told how much one client may cost,
// gets their bytes at a pace that leaves the event loop to others.
import { reportEscaped } from "../../../guard/escaped-errors.ts";
import { type ByteHolder, type HeldBytes, HeldShare } from "../../../guard/held-bytes.ts";
import { goAwayFrame, STREAM_MAX } from "../../../guard/http2-frames.ts";
import { Http2Guard, type Http2Limits } from "../../../guard/http2-guard.ts";
import { RelayHub } from "../../../guard/relay-hub.ts";
import type { Relayed, RelayedSocket } from "../../../guard/relayed.ts";
import type { ServerPeer } from "../../../guard/server-peer.ts";
import { UNCOUNTED } from "../../../guard/unfinished-bytes.ts";
import { clientNetwork } from "../../../policy/client-network.ts";
import type { ListenerScope } from "../../gate/request-head.ts";
import type { ListeningServer, RelayedClient, Serving } from "../edge.ts";
import { ConnectionPlaces } from "./connection-places.ts";
import type { Evictable } from "./connections-by-network.ts";

export interface Http2Options {
  /** How long a connection may have no request, in milliseconds. */
  readonly idleMs: number;
  /** How long a handshake may take, and a header block from its first frame on, in milliseconds. */
  readonly headMs: number;
  readonly isShared: (peer: string) => boolean;
  /** Connections at a time: each takes two more descriptors than one of HTTP/1.1. */
  readonly connectionsMax: number;
  /** Of one client network. */
  readonly perNetworkMax: number;
  /** Bytes that clients or programs do not take. */
  readonly held: HeldBytes;
  /** Starts the runtime's server on loopback. */
  readonly openServer: (
    clientOf: (peer: ServerPeer) => RelayedClient | undefined,
  ) => ListeningServer;
}

/** Of one client network in a turn of the event loop: bytes, or frames of which each counts as so many. */
const BYTES_PER_TURN = 32 * 1024;
const FRAME_COST_BYTES = 256;
/** How long after it was asked to leave a client may still open streams, which were on their way, in milliseconds. */
const LEAVING_MS = 1_000;
const LINGER_MS = 2_000;
const LINGER_BYTES = 1024 * 1024;
/** The runtime refuses more than 256 streams at a time, one by one; a client may not know that yet. */
const REQUESTS_MAX = 1_024;
const FRAME_BYTES_MAX = 16_384;
const HEADER_BLOCK_BYTES_MAX = 64 * 1024;

/** One of them, while it is open. */
export class Http2Connection implements Evictable, RelayedClient, ByteHolder {
  readonly peer: string;
  readonly serving: Serving;
  readonly scope: ListenerScope;
  readonly relayed: Relayed;
  readonly #guard: Http2Guard;
  readonly #idleMs: number;
  readonly #share: HeldShare;
  /** Of `performance.now()`. */
  #idleSinceMs = performance.now();
  /** The client was asked to open no more streams. */
  #isLeaving = false;
  /** When that was on its way to it, behind all that waited for it; null: it is not. */
  #leavingMs: number | null = null;
  /** The last stream that is answered; null: any. */
  #lastStream: number | null = null;

  constructor(
    { peer, serving, scope }: RelayedClient,
    relayed: Relayed,
    guard: Http2Guard,
    idleMs: number,
    held: HeldBytes,
  ) {
    this.peer = peer;
    this.serving = serving;
    this.scope = scope;
    this.relayed = relayed;
    this.#guard = guard;
    this.#idleMs = idleMs;
    this.#share = new HeldShare(held, this);
  }

  /** All requests are answered, and the client has taken the responses. */
  get isIdle(): boolean {
    return this.#guard.isIdle && !this.relayed.isFlushing;
  }

  get deadlineMs(): number {
    return this.#idleSinceMs + this.#idleMs;
  }

  /** Of responses that the client does not take, and of bodies that programs do not take. */
  get heldBytes(): number {
    return this.relayed.heldBytes + this.#guard.heldBytes;
  }

  get holds(): ByteHolder["holds"] {
    return { network: clientNetwork(this.peer), container: "" };
  }

  endStalled(): void {
    this.reset();
  }

  tick(nowMs: number): void {
    try {
      this.#tick(nowMs);
    } catch (error) {
      this.reset();
      reportEscaped(error);
    }
  }

  #tick(nowMs: number): void {
    this.#share.update();
    if (!this.isIdle) this.#idleSinceMs = nowMs;
    else if (nowMs >= this.deadlineMs) this.close();
    if (this.serving.leaving && this.#guard.isBetweenFrames) this.#leave(nowMs);
  }

  closed(): void {
    this.#share.leave();
  }

  /** A client of a server that is about to close goes elsewhere once its streams are done (RFC 9113 §6.8). */
  #leave(nowMs: number): void {
    if (!this.#isLeaving) {
      this.#isLeaving = true;
      this.relayed.interject(goAwayFrame(STREAM_MAX));
    }
    if (this.#leavingMs === null) {
      if (this.relayed.hasInterjected) this.#leavingMs = nowMs;
    } else if (nowMs - this.#leavingMs < LEAVING_MS) {
      return;
    } else if (this.#lastStream === null) {
      this.#lastStream = this.#guard.lastRequest;
      this.relayed.interject(goAwayFrame(this.#lastStream));
    } else if (!this.#guard.hasOpen(this.#lastStream) && !this.relayed.isFlushing) {
      this.close();
    }
  }

  close(): void {
    if (this.#guard.isBetweenFrames) {
      // The number may not grow (RFC 9113 §6.8): the client repeats elsewhere what is beyond.
      this.relayed.interject(goAwayFrame(this.#lastStream ?? this.#guard.lastRequest));
    }
    this.relayed.end();
  }

  reset(): void {
    this.relayed.close();
  }
}

export class Http2Connections {
  readonly places: ConnectionPlaces;
  readonly #idleMs: number;
  readonly #held: HeldBytes;
  readonly #limits: Http2Limits;
  readonly #hub: RelayHub;
  readonly #server: ListeningServer;
  readonly #connections = new WeakMap<Relayed, Http2Connection>();

  constructor(options: Http2Options) {
    const { idleMs, headMs, isShared, openServer } = options;
    this.#idleMs = idleMs;
    this.#held = options.held;
    this.places = new ConnectionPlaces(options);
    this.#limits = {
      prefaceMs: headMs,
      // Idle connections end without a fault.
      firstRequestMs: Number.POSITIVE_INFINITY,
      idleMs: Number.POSITIVE_INFINITY,
      // Uploads may go on for as long as they keep their pace.
      requestMs: Number.POSITIVE_INFINITY,
      headerBlockMs: headMs,
      frameBytesMax: FRAME_BYTES_MAX,
      headerBlockBytesMax: HEADER_BLOCK_BYTES_MAX,
      requestsMax: REQUESTS_MAX,
      unfinishedBytesMax: Number.POSITIVE_INFINITY,
      frameCostBytes: FRAME_COST_BYTES,
    };
    this.#server = openServer((peer) => {
      const relayed = this.#hub.from(peer);
      return relayed === undefined ? undefined : this.#connections.get(relayed);
    });
    this.#hub = new RelayHub({
      serverPort: this.port,
      limits: {
        firstByteMs: headMs,
        silentMs: Number.POSITIVE_INFINITY,
        stalledMs: idleMs,
        bytesPerTurn: BYTES_PER_TURN,
        lingerMs: LINGER_MS,
        lingerBytes: LINGER_BYTES,
        isShared,
      },
    });
  }

  /** Where the runtime's server listens, on loopback. */
  get port(): number {
    return this.#server.port ?? 0;
  }

  /** `closed` is called once. */
  open(socket: RelayedSocket, client: RelayedClient, closed: () => void): Http2Connection {
    const guard = new Http2Guard(this.#limits, UNCOUNTED);
    const relayed: Relayed = this.#hub.relay(
      socket,
      client.peer,
      () => guard,
      () => {
        connection.closed();
        closed();
      },
    );
    const connection = new Http2Connection(client, relayed, guard, this.#idleMs, this.#held);
    this.#connections.set(relayed, connection);
    return connection;
  }

  /** Closes what is open, and the server. */
  async stop(): Promise<void> {
    this.#hub.close();
    await this.#server.stop(true);
  }
}
