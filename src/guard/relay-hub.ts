// The connections that pass through to a server which cannot be told how much one client may cost: found by where they
// reach it from, paced in turns, and looked at once in a while.
import { clientNetwork } from "../policy/client-network.ts";
import { reportEscaped } from "./escaped-errors.ts";
import { type ConnectionGuard, Relayed, type RelayedSocket, type RelayLimits } from "./relayed.ts";
import { RELAY_SERVER_HOST, type ServerPeer } from "./server-peer.ts";
import { TurnBudget } from "./turn-budget.ts";

export interface RelayHubOptions {
  /** Where the server listens, on 127.0.0.1. */
  readonly serverPort: number;
  readonly limits: Omit<RelayLimits, "connectionsMax" | "perNetworkMax">;
}

/** Makes what looks at a connection; `network` is its client's, `close` ends it. */
export type MakeGuard = (network: string, close: () => void) => ConnectionGuard;

const tickMs = 1000;
const flushPollMs = 5;

export class RelayHub {
  readonly #options: RelayHubOptions;
  readonly #budget: TurnBudget;
  readonly #open = new Set<Relayed>();
  readonly #byPort = new Map<number, Relayed>();
  readonly #ticker: ReturnType<typeof setInterval>;

  constructor(options: RelayHubOptions) {
    this.#options = options;
    const { bytesPerTurn } = options.limits;
    this.#budget = new TurnBudget({ perKey: bytesPerTurn, total: 4 * bytesPerTurn });
    this.#ticker = setInterval(() => this.#tick(), tickMs);
    this.#ticker.unref();
  }

  /** `closed` is called once. */
  relay(
    client: RelayedSocket,
    address: string,
    guard: MakeGuard | null,
    closed: () => void,
  ): Relayed {
    const { limits, serverPort } = this.#options;
    // Clients behind one load balancer do not share a budget.
    const key = limits.isShared?.(address)
      ? `${address} ${client.remotePort}`
      : clientNetwork(address);
    const disconnected = (port: number) => {
      if (this.#byPort.get(port) === relayed) this.#byPort.delete(port);
    };
    const relayed: Relayed = new Relayed({
      client,
      serverPort,
      limits,
      budget: this.#budget,
      key,
      guard: guard?.(key, () => relayed.close()) ?? null,
      address,
      connected: (port) => this.#byPort.set(port, relayed),
      disconnected,
      closed: (port) => {
        this.#open.delete(relayed);
        if (port !== null) disconnected(port);
        closed();
      },
    });
    this.#open.add(relayed);
    return relayed;
  }

  /**
   * The connection that reaches the server from there; undefined: there is none, and the server must refuse it. Other programs of
   * this machine may use the same port with another address of loopback.
   */
  from({ address, port }: ServerPeer): Relayed | undefined {
    return address === RELAY_SERVER_HOST ? this.#byPort.get(port) : undefined;
  }

  /** The most silent connection of a network. */
  mostSilent(network: string): Relayed | null {
    let silent: Relayed | null = null;
    for (const relayed of this.#open) {
      if (relayed.key !== network) continue;
      if (silent === null || relayed.lastByteMs < silent.lastByteMs) silent = relayed;
    }
    return silent;
  }

  /** Closes what is still open. */
  close(): void {
    clearInterval(this.#ticker);
    for (const relayed of [...this.#open]) {
      // A reset could overtake what was sent.
      if (relayed.isFlushing) relayed.close();
      else relayed.end();
    }
  }

  /** Resolves once no client waits for bytes that the server has sent, at the latest after `limitMs`. */
  flushed(limitMs: number): Promise<void> {
    return this.#until(() => [...this.#open].every(({ isFlushing }) => !isFlushing), limitMs);
  }

  /** The same of a server that has closed its connections: also what it sent before, which may still be on its way from there. */
  ended(limitMs: number): Promise<void> {
    const isOver = ({ isFlushing, isServed }: Relayed) => !isFlushing && !isServed;
    return this.#until(() => [...this.#open].every(isOver), limitMs);
  }

  async #until(holds: () => boolean, limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs;
    while (!holds() && performance.now() < untilMs) await Bun.sleep(flushPollMs);
  }

  #tick(): void {
    const now = performance.now();
    for (const relayed of this.#open) {
      try {
        relayed.tick(now);
      } catch (error) {
        relayed.close();
        reportEscaped(error);
      }
    }
  }
}
