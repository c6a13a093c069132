// A client's socket that may become a tunnel: from then on it is HTTP no longer.
import type { ByteHolder } from "../../../guard/held-bytes.ts";
import type { UnfinishedShare } from "../../../guard/unfinished-bytes.ts";
import type { ParseError } from "../../../http1/parse-error.ts";
import { clientNetwork } from "../../../policy/client-network.ts";
import type { ActiveExchange } from "../../exchange/active-exchange.ts";
import { holdsOf } from "../../exchange/byte-owner.ts";
import { STALLED } from "../../exchange/stop-signal.ts";
import { FOREVER, HELD_BYTES_MAX, WireClientSocket } from "./client-socket.ts";
import type { ClientTunnel, TunnelClient } from "./client-tunnel.ts";
import { errorBytes, malformedBy } from "./wire-refusal.ts";

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
  /** The upstream takes no more of what the client sends. */
  protected abstract httpIsClogged(): boolean;
  protected abstract httpEnded(): void;
  protected abstract httpDrained(): void;
  protected abstract httpClosed(): void;
  abstract bodyWanted(): void;

  protected get isTunnel(): boolean {
    return this.#tunnel !== null;
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

  protected unfinishedShare(): UnfinishedShare {
    return this.services.unfinished.join(clientNetwork(this.peer), () => this.reset());
  }

  protected becomeTunnel(tunnel: ClientTunnel, active: ActiveExchange | null): void {
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
