// A listener in front of a server that cannot be told how much one client may cost: it counts connections, ends silent ones,
// and passes bytes on at a pace that leaves the event loop to others. The server behind it listens on loopback only.
import type { Socket } from "bun";
import { parseAddress } from "../policy/address.ts";
import { clientNetwork } from "../policy/client-network.ts";
import { ConnectionCap } from "./connection-cap.ts";
import { type ConnectionGuard, Relayed, type RelayLimits } from "./relayed.ts";
import { TurnBudget } from "./turn-budget.ts";

export interface RelayOptions {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
  /** TLS ends here, the server gets plain bytes. Null or unset: there is none. */
  readonly tls?: RelayTls | null;
  /** Protocols that are agreed on with TLS (RFC 7301), as `h2`; none when unset. */
  readonly alpn?: readonly string[];
  /** Where the server listens, on 127.0.0.1. */
  readonly serverPort: number;
  readonly limits: RelayLimits;
  /** For each connection; `network` is its client's, `close` ends it. */
  readonly guard?: (network: string, close: () => void) => ConnectionGuard;
}

/** Certificates and their key as PEM. */
export interface RelayTls {
  readonly cert: string;
  readonly key: string;
}

const tickMs = 1000;
const flushPollMs = 5;

/**
 * Listens and relays. The server finds the client of a connection by the port it came from (`clientOf`); a connection to the
 * server that did not come through here has no client, and the server must refuse it.
 */
export class RelayListener {
  readonly hostname: string;
  readonly port: number;
  readonly #cap: ConnectionCap;
  readonly #budget: TurnBudget;
  readonly #options: RelayOptions;
  #listener: Bun.TCPSocketListener<Relayed>;
  readonly #open = new Set<Relayed>();
  readonly #byPort = new Map<number, Relayed>();
  readonly #ticker: ReturnType<typeof setInterval>;

  /** Throws when the address is taken. */
  constructor(options: RelayOptions) {
    const { limits, tls = null } = options;
    this.#options = options;
    this.#cap = new ConnectionCap(limits);
    this.#budget = new TurnBudget({ perKey: limits.bytesPerTurn, total: 4 * limits.bytesPerTurn });
    // A successor with another certificate must be able to listen beside this one. First without sharing the port: otherwise we
    // would share it with another process and not notice.
    if (tls !== null && options.port !== 0) this.#listen(options.port, tls, false).stop(true);
    this.#listener = this.#listen(options.port, tls, tls !== null);
    this.hostname = this.#listener.hostname;
    this.port = this.#listener.port;
    this.#ticker = setInterval(() => this.#tick(), tickMs);
    this.#ticker.unref();
  }

  /**
   * New connections get this certificate; open ones go on. The runtime cannot change it in place. Throws when it cannot listen,
   * and then nothing changed. Only with TLS from the start. A connection that arrives in this very moment may be reset.
   */
  replaceTls(tls: RelayTls): void {
    const before = this.#listener;
    this.#listener = this.#listen(this.port, tls, true);
    before.stop(false);
  }

  #listen(port: number, tls: RelayTls | null, reusePort: boolean): Bun.TCPSocketListener<Relayed> {
    const { hostname, alpn = [] } = this.#options;
    return Bun.listen<Relayed>({
      hostname,
      port,
      exclusive: !reusePort,
      ...(reusePort ? { reusePort } : {}),
      allowHalfOpen: true,
      ...(tls === null
        ? {}
        : { tls: { cert: tls.cert, key: tls.key, ALPNProtocols: wireNames(alpn) } }),
      socket: {
        open: (client) => this.#accept(client, this.#options),
        handshake: (client, success) => {
          if (!success) client.terminate();
        },
        data: (client, bytes) => client.data?.fromClient(bytes),
        drain: (client) => client.data?.clientDrained(),
        end: (client) => client.data?.clientEnded(),
        close: (client) => client.data?.close(),
        error: (client) => client.data?.close(),
      },
    });
  }

  /** The address of the client whose connection reaches the server from this port; undefined: there is none. */
  clientOf(port: number): string | undefined {
    return this.#byPort.get(port)?.address;
  }

  /**
   * The server answers the request that this port sent last without its body: what the client still sends is thrown away, and
   * the connection ends once the server has said what it has to say.
   */
  refuseRest(port: number): void {
    this.#byPort.get(port)?.refuseRest();
  }

  /** Connections at present, and connections refused since the start. */
  get connections(): { readonly open: number; readonly refused: number } {
    return { open: this.#cap.count, refused: this.#cap.refused };
  }

  /** Takes no new connections; those that are open go on. */
  stopAccepting(): void {
    this.#listener.stop(false);
  }

  /** Closes what is still open. */
  close(): void {
    clearInterval(this.#ticker);
    this.#listener.stop(true);
    for (const relayed of [...this.#open]) relayed.close();
  }

  /** Resolves once no client waits for bytes that the server has sent, at the latest after `limitMs`. */
  async flushed(limitMs: number): Promise<void> {
    const untilMs = performance.now() + limitMs;
    const isWaiting = () => [...this.#open].some((relayed) => relayed.isFlushing);
    while (isWaiting() && performance.now() < untilMs) await Bun.sleep(flushPollMs);
  }

  #accept(client: Socket<Relayed>, { limits, serverPort, guard }: RelayOptions): void {
    const address = plainAddress(client.remoteAddress);
    const release = this.#cap.admit(address) ?? this.#admitInstead(address);
    if (release === null) {
      client.terminate();
      return;
    }
    // Clients behind one load balancer do not share a budget.
    const key = limits.isShared?.(address)
      ? `${address} ${client.remotePort}`
      : clientNetwork(address);
    const relayed: Relayed = new Relayed({
      client,
      serverPort,
      limits,
      budget: this.#budget,
      key,
      guard: guard?.(key, () => relayed.close()) ?? null,
      address,
      connected: (port) => this.#byPort.set(port, relayed),
      closed: (port) => {
        release();
        this.#open.delete(relayed);
        if (port !== null) this.#byPort.delete(port);
      },
    });
    client.data = relayed;
    this.#open.add(relayed);
  }

  /** When all places are taken: in place of the most silent connection of the network that has by far the most. */
  #admitInstead(address: string): (() => void) | null {
    const crowd = this.#cap.crowdBefore(address);
    if (crowd === null) return null;
    let silent: Relayed | null = null;
    for (const relayed of this.#open) {
      if (relayed.key !== crowd) continue;
      if (silent === null || relayed.lastByteMs < silent.lastByteMs) silent = relayed;
    }
    silent?.close();
    return this.#cap.admit(address);
  }

  #tick(): void {
    const now = performance.now();
    for (const relayed of this.#open) relayed.tick(now);
  }
}

/** An IPv4-mapped address of a dual-stack socket becomes IPv4 (RFC 4291 §2.5.5.2). */
function plainAddress(address: string): string {
  return parseAddress(address)?.toString() ?? address;
}

/** Protocol names as TLS carries them: each with its length before it (RFC 7301 §3.1). */
function wireNames(names: readonly string[]): Uint8Array {
  return Buffer.concat(names.map((name) => Buffer.from([name.length, ...Buffer.from(name)])));
}
