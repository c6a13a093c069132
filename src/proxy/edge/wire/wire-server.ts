// A listening socket with its connections and their clock.
import type { ConnectionCap } from "../../../guard/connection-cap.ts";
import { clientNetwork } from "../../../policy/client-network.ts";
import { unmapped } from "../../gate/client-address.ts";
import type { ListeningServer, Serving } from "../edge.ts";
import { PLAIN_SCOPE } from "../tls/certificate-scope.ts";
import { AwaitedHeader } from "./awaited-header.ts";
import { ConnectionsByNetwork } from "./connections-by-network.ts";
import { WireConnection } from "./wire-connection.ts";
import type { WireServices } from "./wire-services.ts";

export interface WireServerOptions {
  readonly hostname: string;
  readonly port: number;
  readonly reusePort: boolean;
  /** A socket that listens there already and is this server's from now on; null: it makes one. */
  readonly descriptor: number | null;
  readonly serving: Serving;
  readonly services: Omit<WireServices, PerServer>;
  readonly cap: ConnectionCap;
  /** Whether connections of this peer begin with a header of the PROXY protocol. */
  readonly speaksFor: (peer: string) => boolean;
}

export type PerServer = "closed" | "over" | "upgraded" | "clock";

const TICK_MS = 250;

/** What a socket holds. Both null: it was refused. */
interface Held {
  connection: WireConnection | null;
  /** Until it has come, nothing is read as HTTP. */
  awaited: AwaitedHeader | null;
}

export class WireServer implements ListeningServer {
  readonly #listener: Bun.TCPSocketListener<Held>;
  /** The runtime does not know them of a socket that was made elsewhere. */
  readonly #place: { readonly hostname: string; readonly port: number } | null;
  readonly #connections = new Set<WireConnection>();
  readonly #byNetwork = new ConnectionsByNetwork<WireConnection>();
  readonly #awaited = new Set<AwaitedHeader>();
  /** What gives a connection's place back. */
  readonly #places = new WeakMap<object, () => void>();
  /** Never before the time at hand, so that no limit is shorter than it says. */
  readonly #clock = { nowMs: performance.now() + TICK_MS };
  readonly #services: WireServices;
  readonly #serving: Serving;
  readonly #cap: ConnectionCap;
  readonly #speaksFor: (peer: string) => boolean;
  #timer: ReturnType<typeof setInterval> | null = null;
  #isResting = false;
  #pending = 0;
  #upgraded = 0;
  #stopped: PromiseWithResolvers<void> | null = null;

  /** Throws when the address is taken. */
  constructor(options: WireServerOptions) {
    const { hostname, port, reusePort, descriptor, serving, services, cap } = options;
    this.#place = descriptor === null ? null : { hostname, port };
    this.#serving = serving;
    this.#cap = cap;
    this.#speaksFor = options.speaksFor;
    this.#services = {
      ...services,
      clock: this.#clock,
      began: (atMs) => {
        this.#pending++;
        services.began(atMs);
      },
      over: () => {
        this.#pending--;
      },
      upgraded: (more) => {
        this.#upgraded += more;
      },
      closed: (connection) => this.#closed(connection),
    };
    this.#listener = Bun.listen<Held>({
      ...(descriptor === null ? placeOf(hostname, port, reusePort) : inherited(descriptor)),
      allowHalfOpen: true,
      socket: {
        open: (socket) => {
          const held: Held = { connection: null, awaited: null };
          socket.data = held;
          this.#guarded(socket, () => this.#accepted(socket, held));
          if (held.connection === null && held.awaited === null) socket.terminate();
        },
        data: (socket, chunk) => {
          const held = socket.data;
          try {
            if (held.connection === null) this.#headerCame(socket, chunk);
            else held.connection.received(chunk);
          } catch (error) {
            this.#failed(socket, error);
          }
        },
        drain: (socket) => this.#guarded(socket, () => socket.data.connection?.drain()),
        end: (socket) =>
          this.#guarded(socket, () => {
            this.#headerRefused(socket.data);
            socket.data.connection?.clientEnded();
          }),
        close: (socket) =>
          this.#guarded(socket, () => {
            this.#headerRefused(socket.data);
            socket.data.connection?.closed();
          }),
        error: (socket) =>
          this.#guarded(socket, () => {
            this.#headerRefused(socket.data);
            socket.data.connection?.reset();
          }),
      },
    });
  }

  get hostname(): string {
    return this.#place?.hostname ?? this.#listener.hostname;
  }

  get port(): number {
    return this.#place?.port ?? this.#listener.port;
  }

  get pendingRequests(): number {
    return this.#pending;
  }

  get pendingWebSockets(): number {
    return this.#upgraded;
  }

  get isSpent(): boolean {
    return this.#isResting && this.#connections.size === 0 && this.#awaited.size === 0;
  }

  rest(): void {
    this.#isResting = true;
    this.#listener.stop(false);
  }

  stop(abort = false): Promise<void> {
    this.#listener.stop(false);
    for (const awaited of this.#awaited) awaited.refuse();
    this.#awaited.clear();
    for (const connection of [...this.#connections]) {
      if (abort) connection.reset();
      else if (connection.isIdle) connection.close();
    }
    if (this.#connections.size === 0) return Promise.resolve();
    this.#stopped ??= Promise.withResolvers<void>();
    return this.#stopped.promise;
  }

  /** Unless it gets a connection, or waits for a header, it has no place. */
  #accepted(socket: Bun.Socket<Held>, held: Held): void {
    const peer = unmapped(socket.remoteAddress);
    if (this.#speaksFor(peer)) this.#awaitHeader(socket, held, peer);
    else this.#serve(socket, held, peer);
  }

  #awaitHeader(socket: Bun.Socket<Held>, held: Held, peer: string): void {
    const release = this.#cap.admit(peer);
    if (release === null) return;
    this.#startTicking();
    const deadlineMs = this.#clock.nowMs + this.#services.headMs;
    const awaited = new AwaitedHeader(peer, deadlineMs, release, () => socket.terminate());
    held.awaited = awaited;
    this.#awaited.add(awaited);
  }

  #headerCame(socket: Bun.Socket<Held>, chunk: Uint8Array): void {
    const held = socket.data;
    const { awaited } = held;
    if (awaited === null || !this.#awaited.has(awaited)) return;
    const { header, peer } = awaited;
    const step = header.push(chunk);
    if (step === "more") return;
    if (step === "error") {
      this.#services.log.warn({ peer }, "connection closed: it has no valid PROXY header");
      this.#services.noProxyHeader();
      this.#headerRefused(held);
      return;
    }
    held.awaited = null;
    this.#awaited.delete(awaited);
    awaited.release();
    this.#serve(socket, held, header.source ?? peer);
    const { connection } = held;
    if (connection === null) {
      socket.terminate();
      this.#stopTicking();
    } else if (header.consumed < chunk.length) {
      connection.received(chunk.subarray(header.consumed));
    }
  }

  #headerRefused(held: Held): void {
    const { awaited } = held;
    if (awaited === null) return;
    held.awaited = null;
    this.#awaited.delete(awaited);
    awaited.refuse();
    this.#stopTicking();
  }

  /** Leaves it without a connection where there is no place for it. */
  #serve(socket: Bun.Socket<Held>, held: Held, peer: string): void {
    const release = this.#cap.admit(peer) ?? this.#admitInstead(peer);
    if (release === null || this.#stopped !== null) {
      release?.();
      return;
    }
    // First: while there were no connections the clock stood still, and the deadline is set by it.
    this.#startTicking();
    const connection = new WireConnection(this.#services, socket, peer, PLAIN_SCOPE, this.#serving);
    held.connection = connection;
    this.#connections.add(connection);
    this.#places.set(connection, release);
    this.#byNetwork.add(connection);
  }

  /**
   * All places are taken: in place of an idle connection of the network that has by far the most, or of the client's own. A client
   * that has used up its share goes on with a new connection, as with one that was closed because it was idle.
   */
  #admitInstead(peer: string): (() => void) | null {
    const network = this.#cap.crowdBefore(peer) ?? clientNetwork(peer);
    return this.#byNetwork.closeIdlest(network) ? this.#cap.admit(peer) : null;
  }

  #startTicking(): void {
    if (this.#timer !== null) return;
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  #stopTicking(): void {
    if (this.#connections.size > 0 || this.#awaited.size > 0) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #closed(connection: object): void {
    this.#places.get(connection)?.();
    this.#connections.delete(connection as WireConnection);
    this.#byNetwork.delete(connection as WireConnection);
    this.#stopTicking();
    if (this.#connections.size === 0) this.#stopped?.resolve();
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#clock.nowMs = nowMs + TICK_MS;
    for (const connection of this.#connections) {
      try {
        connection.tick(nowMs);
      } catch (error) {
        connection.failed(error);
      }
    }
    for (const awaited of this.#awaited) {
      if (nowMs < awaited.deadlineMs) continue;
      this.#awaited.delete(awaited);
      awaited.refuse();
    }
  }

  /** Nothing may escape a handler. */
  #guarded(socket: Bun.Socket<Held>, handle: () => void): void {
    try {
      handle();
    } catch (error) {
      this.#failed(socket, error);
    }
  }

  #failed(socket: Bun.Socket<Held>, error: unknown): void {
    const held = socket.data;
    if (held.connection !== null) {
      held.connection.failed(error);
      return;
    }
    this.#services.log.error({ err: error }, "connection failed in the gate");
    this.#headerRefused(held);
    socket.terminate();
  }
}

function placeOf(hostname: string, port: number, reusePort: boolean) {
  // By default the port is shared with any process that asks for it (seen in Bun 1.4.5).
  return { hostname, port, exclusive: !reusePort, ...(reusePort ? { reusePort } : {}) };
}

/** The runtime listens with a descriptor, too (seen in Bun 1.4.5); its types say so of connections only. */
function inherited(fd: number): ReturnType<typeof placeOf> {
  return { fd } as unknown as ReturnType<typeof placeOf>;
}
