// Makes a connection that floods arrive in small pieces. The runtime reads 512 KiB of a socket at once, 20,000 streams of HTTP/2, and
// answers them all before anything else has its turn; it reads no more than the kernel has, and how much that is can be said for each socket.
import { parseAddress } from "../../../policy/address.ts";
import { clientNetwork } from "../../../policy/client-network.ts";
import type { SocketCalls } from "./socket-calls.ts";
import { Ticker, type Ticking } from "./ticker.ts";

export interface ReceiveWindowsOptions {
  /** A turn in which the runtime went on for so long after the first request beyond a budget is slow, in milliseconds. */
  readonly slowMs: number;
  /** Slow turns that a connection may have part in before it is narrowed; of a network that was narrowed lately, none. */
  readonly slowTurnsMax: number;
  /** Receive buffer of a narrowed connection, in bytes; the kernel doubles it. */
  readonly narrowBytes: number;
  /** Receive buffer that it gets back, in bytes; the kernel gives what it allows (net.core.rmem_max). */
  readonly wideBytes: number;
  /** How long a connection stays narrow after it last had too many requests, in milliseconds. */
  readonly narrowMs: number;
}

/** A search goes through all descriptors. */
const searchPauseMs = 100;
const lookMs = 1000;

interface Flooding {
  readonly peer: string;
  readonly network: string;
  readonly port: number;
  readonly localPort: number;
  /** Null: not narrowed. */
  descriptor: number | null;
  slowTurns: number;
  lastMs: number;
}

/** Of the connections that have had requests beyond their budget lately. Without `calls` it does nothing. */
export class ReceiveWindows implements Ticking {
  readonly #options: ReceiveWindowsOptions;
  readonly #calls: SocketCalls | null;
  readonly #flooding = new Map<string, Flooding>();
  /** When the last connection of a network was narrowed. */
  readonly #networks = new Map<string, number>();
  readonly #ticker = new Ticker(lookMs);
  readonly #inTurn = new Set<Flooding>();
  #turnMs = 0;
  #searchedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ReceiveWindowsOptions, calls: SocketCalls | null) {
    this.#options = options;
    this.#calls = calls;
  }

  /** Connections that are narrow at present. */
  get narrowed(): number {
    let narrowed = 0;
    for (const { descriptor } of this.#flooding.values()) narrowed += descriptor === null ? 0 : 1;
    return narrowed;
  }

  /** A request of the connection between these ends is beyond its budget. */
  exceeded(peer: string, port: number, localPort: number): void {
    const calls = this.#calls;
    if (calls === null) return;
    if (this.#inTurn.size === 0) {
      this.#turnMs = performance.now();
      setImmediate(() => this.#turnEnded(calls));
    }
    this.#inTurn.add(this.#of(peer, port, localPort));
  }

  /** Connections that behave get their window back. */
  tick(nowMs: number): void {
    const { narrowMs } = this.#options;
    for (const [key, flooding] of this.#flooding) {
      if (nowMs - flooding.lastMs < narrowMs) continue;
      this.#flooding.delete(key);
      this.#widen(flooding);
    }
    for (const [network, lastMs] of this.#networks) {
      if (nowMs - lastMs >= narrowMs) this.#networks.delete(network);
    }
    if (this.#flooding.size === 0 && this.#networks.size === 0) this.#ticker.remove(this);
  }

  #of(peer: string, port: number, localPort: number): Flooding {
    const key = `${peer} ${port} ${localPort}`;
    const known = this.#flooding.get(key);
    if (known !== undefined) return known;
    const network = clientNetwork(peer);
    const made = { peer, network, port, localPort, descriptor: null, slowTurns: 0, lastMs: 0 };
    this.#ticker.add(this);
    this.#flooding.set(key, made);
    return made;
  }

  #turnEnded(calls: SocketCalls): void {
    const nowMs = performance.now();
    const isSlow = nowMs - this.#turnMs > this.#options.slowMs;
    for (const flooding of this.#inTurn) {
      flooding.lastMs = nowMs;
      if (isSlow) flooding.slowTurns++;
    }
    this.#inTurn.clear();
    if (!isSlow || nowMs - this.#searchedMs < searchPauseMs) return;
    const excessive = [...this.#flooding.values()].filter((each) => this.#isExcessive(each));
    if (excessive.length === 0) return;
    this.#searchedMs = nowMs;
    this.#narrow(calls, excessive, nowMs);
  }

  #isExcessive({ descriptor, slowTurns, network }: Flooding): boolean {
    const allowed = this.#networks.has(network) ? 0 : this.#options.slowTurnsMax;
    return descriptor === null && slowTurns > allowed;
  }

  /** One search for all of them. */
  #narrow(calls: SocketCalls, excessive: readonly Flooding[], nowMs: number): void {
    const byPort = new Map<number, Flooding[]>();
    for (const flooding of excessive) {
      this.#networks.set(flooding.network, nowMs);
      byPort.set(flooding.port, [...(byPort.get(flooding.port) ?? []), flooding]);
    }
    for (const descriptor of calls.descriptors()) {
      const port = calls.peer(descriptor)?.port;
      const found = (port === undefined ? undefined : byPort.get(port))?.find((flooding) =>
        isEndOf(calls, descriptor, flooding),
      );
      if (found !== undefined && calls.setReceiveBuffer(descriptor, this.#options.narrowBytes)) {
        found.descriptor = descriptor;
      }
    }
  }

  #widen(flooding: Flooding): void {
    const { descriptor } = flooding;
    const calls = this.#calls;
    if (calls === null || descriptor === null || !isEndOf(calls, descriptor, flooding)) return;
    calls.setReceiveBuffer(descriptor, this.#options.wideBytes);
  }
}

/** Whether the descriptor is still this connection's: it may have been closed and used again. */
function isEndOf(calls: SocketCalls, descriptor: number, flooding: Flooding): boolean {
  const end = calls.peer(descriptor);
  if (end === null || end.port !== flooding.port) return false;
  const octets = parseAddress(flooding.peer)?.toByteArray();
  const isPeer =
    octets?.length === end.octets.length && octets.every((octet, i) => octet === end.octets[i]);
  return isPeer && calls.localPort(descriptor) === flooding.localPort;
}
