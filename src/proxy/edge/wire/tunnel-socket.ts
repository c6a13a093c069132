// A client's socket that may become a tunnel: from then on it is HTTP no longer.
import type { UnfinishedShare } from "../../../guard/unfinished-bytes.ts";
import { clientNetwork } from "../../../policy/client-network.ts";
import { FOREVER, WireClientSocket } from "./client-socket.ts";
import type { ClientTunnel, TunnelClient } from "./client-tunnel.ts";

export abstract class TunnelSocket extends WireClientSocket implements TunnelClient {
  #tunnel: ClientTunnel | null = null;
  /** Our side ends once all is written. */
  #isEnding = false;

  /** The same as `step` and its siblings of `ClientSocket`, as long as it is HTTP. */
  protected abstract readHttp(chunk: Uint8Array): boolean;
  protected abstract httpStopsAtOnce(): boolean;
  protected abstract httpEnded(): void;
  protected abstract httpDrained(): void;
  protected abstract httpClosed(): void;
  abstract bodyWanted(): void;

  protected get isTunnel(): boolean {
    return this.#tunnel !== null;
  }

  protected unfinishedShare(): UnfinishedShare {
    return this.services.unfinished.join(clientNetwork(this.peer), () => this.reset());
  }

  protected becomeTunnel(tunnel: ClientTunnel): void {
    this.#tunnel = tunnel;
    this.deadlineMs = FOREVER;
    this.services.upgraded(1);
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
    const start = this.at;
    this.at = chunk.length;
    tunnel.fromClient(chunk, start, chunk.length);
    return true;
  }

  protected stopsAtOnce(): boolean {
    return this.#tunnel !== null || this.httpStopsAtOnce();
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
