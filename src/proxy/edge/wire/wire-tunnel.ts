// A WebSocket between a client and its program: bytes both ways, of which the gate reads the headers of frames only.
import { closePayload, Opcode } from "../../../websocket/frame.ts";
import { FrameTracker } from "../../../websocket/frame-tracker.ts";
import { maskedFrame, serverFrameHeader } from "../../../websocket/frame-writer.ts";
import type { ActiveExchange } from "../../exchange/active-exchange.ts";
import type { ExchangeEnd } from "../../exchange/exchange.ts";
import type { StopReason } from "../../exchange/stop-signal.ts";
import type { RawRequest } from "../../upstream/raw/raw-request.ts";
import type { ClientTunnel, TunnelClient } from "./client-tunnel.ts";
import type { TunnelEnd } from "./response-target.ts";

/** Counts tunnels, and knows those that are open. */
export interface TunnelWatch {
  opened(tunnel: WireTunnel): void;
  closed(tunnel: WireTunnel): void;
}

/** How long either side may take for the frame at hand, and the upstream to close, once access has ended, in milliseconds. */
const CUT_OFF_MS = 500;

/** More than this of a frame is not waited for. */
const FRAME_REST_MAX = 1_048_576;

export class WireTunnel implements TunnelEnd, ClientTunnel {
  readonly #client: TunnelClient;
  readonly #upstream: RawRequest;
  readonly #active: ActiveExchange;
  readonly #watch: TunnelWatch;
  readonly #toClient = new FrameTracker();
  readonly #toUpstream = new FrameTracker();
  #isUpstreamReady = true;
  #hasClientEnded = false;
  #hasUpstreamEnded = false;
  #isOver = false;
  /** The Close frame that the client gets at the next border. */
  #farewell: Uint8Array | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(
    client: TunnelClient,
    upstream: RawRequest,
    active: ActiveExchange,
    watch: TunnelWatch,
  ) {
    this.#client = client;
    this.#upstream = upstream;
    this.#active = active;
    this.#watch = watch;
    watch.opened(this);
  }

  /** Whether bytes of the client may be taken. */
  get isReady(): boolean {
    return this.#isUpstreamReady || this.#isOver;
  }

  fromClient(chunk: Uint8Array, start: number, end: number): number {
    if (this.#isOver) return end;
    this.#active.exchange.moves++;
    this.#toUpstream.pass(chunk, start, end);
    this.#isUpstreamReady = this.#upstream.write(chunk, start, end);
    if (!this.#isUpstreamReady) this.#client.countHeld();
    return end;
  }

  fromUpstream(chunk: Uint8Array, start: number, end: number): void {
    if (this.#farewell !== null) {
      const border = this.#toClient.finish(chunk, start, end);
      this.#client.send(chunk, start, border);
      this.#sayFarewell();
      return;
    }
    if (this.#isOver) return;
    const { exchange } = this.#active;
    this.#toClient.pass(chunk, start, end);
    exchange.bytes = this.#toClient.messageBytes;
    exchange.moves++;
    if (!this.#client.send(chunk, start, end)) this.#upstream.pause();
  }

  clientEnded(): void {
    if (this.#hasClientEnded || this.#isOver) return;
    this.#hasClientEnded = true;
    if (this.#hasUpstreamEnded) this.#ended();
    else this.#upstream.finish();
  }

  upstreamEnded(): void {
    if (this.#hasUpstreamEnded || this.#isOver) return;
    this.#hasUpstreamEnded = true;
    if (this.#hasClientEnded) this.#ended();
    else this.#client.endTunnel();
  }

  upstreamLost(): void {
    if (this.#isOver) return;
    this.#over(this.#toClient.hasClosed ? "complete" : "broken");
    if (this.#toClient.hasClosed) this.#client.leaveTunnel();
    else this.#client.reset();
  }

  upstreamDrained(): void {
    this.#isUpstreamReady = true;
    this.#client.bodyWanted();
  }

  clientDrained(): void {
    this.#upstream.resume();
  }

  /** An upstream that has its Close frame, or gets it, has time to read it. */
  clientClosed(): void {
    if (!this.#isOver) {
      const isInOrder = this.#toUpstream.hasClosed || this.#toClient.hasClosed;
      this.#over(isInOrder ? "complete" : this.#hasUpstreamEnded ? "broken" : "client_gone");
      if (isInOrder) this.#endUpstream();
    }
    if (this.#timer === null) this.#upstream.close();
  }

  stopped({ kind }: StopReason): void {
    if (kind === "revoked") this.#cutOff("revoked", 1008, "access ended");
    else if (kind === "silent") this.#cutOff("broken", 1001, "silent for too long");
    else if (kind === "client_gone") this.clientClosed();
    else if (kind === "stalled") this.#stalled();
    else this.#cutOff("revoked", 1001, "");
  }

  #stalled(): void {
    if (this.#isOver) return;
    this.#over("stalled");
    this.#client.reset();
  }

  goAway(): void {
    this.#cutOff("complete", 1001, "going away");
  }

  /** Both learn of it at the next border between frames; who does not get there in time is reset. */
  #cutOff(how: ExchangeEnd, code: number, reason: string): void {
    if (this.#isOver) return;
    this.#over(how);
    const payload = closePayload(code, reason);
    this.#farewell = Buffer.concat([serverFrameHeader(Opcode.close, payload.length), payload]);
    this.#timer = setTimeout(() => {
      this.#upstream.close();
      if (this.#farewell !== null || this.#client.waitingBytes > 0) this.#client.reset();
    }, CUT_OFF_MS);
    if (this.#toClient.payloadLeft > FRAME_REST_MAX) {
      this.#client.reset();
      return;
    }
    // The rest of the frame at hand comes whether or not the client reads.
    if (!this.#toClient.isAtBorder) this.#upstream.resume();
    this.#sayFarewell();
    const canSay = this.#toUpstream.isAtBorder && this.#isUpstreamReady;
    if (canSay && !this.#toUpstream.hasClosed) {
      for (const piece of maskedFrame(Opcode.close, closePayload(1001, ""))) {
        this.#upstream.write(piece, 0, piece.length);
      }
    }
    if (canSay) this.#upstream.finish();
  }

  #sayFarewell(): void {
    const bytes = this.#farewell;
    if (bytes === null || !this.#toClient.isAtBorder) return;
    this.#farewell = null;
    if (!this.#toClient.hasClosed) this.#client.send(bytes, 0, bytes.length);
    this.#client.leaveTunnel();
  }

  /** Both sides have ended in order. */
  #ended(): void {
    const isInOrder = this.#toClient.hasClosed || this.#toUpstream.hasClosed;
    this.#over(isInOrder ? "complete" : "broken");
    this.#endUpstream();
    this.#client.leaveTunnel();
  }

  #endUpstream(): void {
    this.#upstream.finish();
    this.#timer ??= setTimeout(() => this.#upstream.close(), CUT_OFF_MS);
  }

  #over(how: ExchangeEnd): void {
    this.#isOver = true;
    this.#watch.closed(this);
    this.#active.end(how);
  }
}
