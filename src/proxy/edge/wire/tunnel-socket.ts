// A client's socket that may become a tunnel: from then on it is HTTP no longer.

import type { ByteHolder } from "../../../guard/held-bytes.ts";
import type { ParseError } from "../../../http1/parse-error.ts";
import { clientNetwork } from "../../../policy/client-network.ts";
import type { ActiveExchange } from "../../exchange/active-exchange.ts";
import { holdsOf } from "../../exchange/byte-owner.ts";
import { clientFrames } from "../../exchange/frame-budget.ts";
import { STALLED } from "../../exchange/stop-signal.ts";
import type { UpgradedConnection } from "../upgraded-connection.ts";
import { FOREVER, HELD_BYTES_MAX, WireClientSocket } from "./client-socket.ts";
import type { ClientTunnel, TunnelClient } from "./client-tunnel.ts";
import { HALF_CLOSED_MS } from "./connection-state.ts";
import { errorBytes, malformedBy } from "./wire-refusal.ts";
import { agreement, WireWebSocket } from "./wire-websocket.ts";

export abstract class TunnelSocket extends WireClientSocket implements TunnelClient {
  #tunnel: ClientTunnel | null = null;
  /** Of the tunnel. */
  #active: ActiveExchange | null = null;
  /** Our side ends once all is written. */
  #isEnding = false;

  /** The same as `step` and its siblings of `ClientSocket`, as long as it is HTTP. */
  protected abstract readHttp(chunk: Uint8Array): boolean;
  protected abstract httpStopsAtOnce(): boolean;
  /** The exchange of the request that is being answered. */
  protected abstract get httpActive(): ActiveExchange | null;
  /** A request has come and has no response yet, or no end of it. */
  protected abstract get isAnswering(): boolean;
  /** The upstream takes no more of what the client sends. */
  protected abstract httpIsClogged(): boolean;
  protected abstract httpEnded(): void;
  protected abstract httpDrained(): void;
  protected abstract httpClosed(): void;
  /** The request is over: the connection is another's. */
  protected abstract leaveHttp(): void;
  abstract bodyWanted(): void;

  protected get isTunnel(): boolean {
    return this.#tunnel !== null;
  }

  /** A response is over but for what the client has yet to read. */
  get isFlushing(): boolean {
    return !this.isAnswering && !this.isTunnel && !this.outbox.isEmpty;
  }

  /** The server closes. What is whole is still delivered. */
  cutOff(): void {
    const isWhole = !this.isAnswering && this.outbox.isEmpty;
    if (isWhole && (!this.isTunnel || this.isLingering)) this.close();
    else this.reset();
  }

  /** Whether a client that half-closed is still there shows only when it takes bytes of its response. */
  protected lateHalf(nowMs: number): void {
    if (!this.outbox.isEmpty) this.drain();
    if (this.isClosed) return;
    const limitMs = this.outbox.isEmpty ? HALF_CLOSED_MS : this.services.paceMs;
    if (nowMs - this.wroteMs >= limitMs) this.reset();
    else this.deadlineMs = this.wroteMs + limitMs;
  }

  /** What came is no request: it is answered, and the connection ends. */
  protected refuseMalformed(error: ParseError | null): void {
    const malformed = malformedBy(error, this.peer);
    const bytes = errorBytes(malformed, error);
    this.services.malformed(malformed);
    this.at = this.input?.length ?? 0;
    this.send(bytes, 0, bytes.length);
    this.linger(false);
  }

  /** Agrees to a WebSocket with this key, and joins it to its other side. */
  protected join(
    key: string,
    connection: UpgradedConnection,
    headers: Headers,
    active: ActiveExchange | null,
  ): void {
    const bytes = agreement(key, headers);
    const network = active === null ? clientNetwork(this.peer) : holdsOf(active).network;
    const unfinished = this.services.unfinished.join(network, () => this.reset());
    const turns = clientFrames.of(network);
    const socket = new WireWebSocket(this, connection, unfinished, turns);
    this.becomeTunnel(socket, active);
    this.send(bytes, 0, bytes.length);
    connection.joined(socket);
    queueMicrotask(() => this.guarded(() => this.run()));
  }

  protected becomeTunnel(tunnel: ClientTunnel, active: ActiveExchange | null): void {
    this.leaveHttp();
    this.#tunnel = tunnel;
    this.#active = active;
    this.deadlineMs = FOREVER;
    this.services.upgraded(1);
  }

  get holds(): ByteHolder["holds"] {
    const active = this.#active ?? this.httpActive;
    return active === null ? { network: clientNetwork(this.peer), container: "" } : holdsOf(active);
  }

  /** A client that reads is answered; one that does not loses its connection. */
  endStalled(): void {
    const active = this.#active ?? this.httpActive;
    const isUnread = !this.outbox.isEmpty;
    active?.signal.stop(STALLED);
    if (isUnread || active === null) this.reset();
  }

  endTunnel(): void {
    if (this.outbox.isEmpty) this.socket.shutdown();
    else this.#isEnding = true;
  }

  leaveTunnel(): void {
    this.linger(false);
  }

  protected step(chunk: Uint8Array): boolean {
    const tunnel = this.#tunnel;
    if (tunnel === null) return this.readHttp(chunk);
    if (!tunnel.isReady) return false;
    // The connection may be given up meanwhile.
    const start = this.at;
    this.at = chunk.length;
    const end = tunnel.fromClient(chunk, start, chunk.length);
    if (end === chunk.length || this.isClosed || this.isLingering) return true;
    this.at = end;
    return tunnel.isReady;
  }

  protected stopsAtOnce(): boolean {
    return this.#tunnel !== null || this.httpStopsAtOnce();
  }

  protected stopsBeforeMore(): boolean {
    const tunnel = this.#tunnel;
    const isClogged = tunnel === null ? this.httpIsClogged() : !tunnel.isReady;
    return isClogged && this.upstreamBytes > HELD_BYTES_MAX;
  }

  protected inputEnded(): void {
    if (this.#tunnel === null) this.httpEnded();
    else this.#tunnel.clientEnded();
  }

  protected outputDrained(): void {
    if (this.#tunnel === null) this.httpDrained();
    else if (this.#isEnding) this.socket.shutdown();
    else this.#tunnel.clientDrained();
  }

  protected wasClosed(): void {
    const tunnel = this.#tunnel;
    if (tunnel === null) {
      this.httpClosed();
    } else {
      this.#tunnel = null;
      this.services.upgraded(-1);
      tunnel.clientClosed();
    }
    this.services.closed(this);
  }
}
