// A listening socket with its connections and their clock.
import type { ConnectionCap } from "../../../guard/connection-cap.ts";
import { unmapped } from "../../gate/client-address.ts";
import type { ListeningServer, Serving } from "../edge.ts";
import { PLAIN_SCOPE } from "../tls/certificate-scope.ts";
import { WireConnection } from "./wire-connection.ts";
import type { WireServices } from "./wire-services.ts";

export interface WireServerOptions {
  readonly hostname: string;
  readonly port: number;
  readonly reusePort: boolean;
  readonly serving: Serving;
  readonly services: Omit<WireServices, PerServer>;
  readonly cap: ConnectionCap;
}

export type PerServer = "closed" | "over" | "upgraded" | "clock";

const TICK_MS = 250;

/** What a socket holds. Null: it was refused. */
interface Held {
  connection: WireConnection | null;
}

export class WireServer implements ListeningServer {
  readonly #listener: Bun.TCPSocketListener<Held>;
  readonly #connections = new Set<WireConnection>();
  /** What gives a connection's place back. */
  readonly #places = new WeakMap<object, () => void>();
  /** Never before the time at hand, so that no limit is shorter than it says. */
  readonly #clock = { nowMs: performance.now() + TICK_MS };
  readonly #services: WireServices;
  readonly #serving: Serving;
  readonly #cap: ConnectionCap;
  #timer: ReturnType<typeof setInterval> | null = null;
  #pending = 0;
  #upgraded = 0;
  #stopped: PromiseWithResolvers<void> | null = null;

  /** Throws when the address is taken. */
  constructor({ hostname, port, reusePort, serving, services, cap }: WireServerOptions) {
    this.#serving = serving;
    this.#cap = cap;
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
      hostname,
      port,
      // By default the port is shared with any process that asks for it (seen in Bun 1.4.5).
      exclusive: !reusePort,
      ...(reusePort ? { reusePort } : {}),
      allowHalfOpen: true,
      socket: {
        open: (socket) => this.#accepted(socket),
        data(socket, chunk) {
          const { connection } = socket.data;
          try {
            connection?.received(chunk);
          } catch (error) {
            connection?.failed(error);
          }
        },
        drain: (socket) => guarded(socket.data, (connection) => connection.drain()),
        end: (socket) => guarded(socket.data, (connection) => connection.clientEnded()),
        close: (socket) => guarded(socket.data, (connection) => connection.closed()),
        error: (socket) => guarded(socket.data, (connection) => connection.reset()),
      },
    });
  }

  get hostname(): string {
    return this.#listener.hostname;
  }

  get port(): number {
    return this.#listener.port;
  }

  get pendingRequests(): number {
    return this.#pending;
  }

  get pendingWebSockets(): number {
    return this.#upgraded;
  }

  stop(abort = false): Promise<void> {
    this.#listener.stop(false);
    for (const connection of [...this.#connections]) {
      if (abort) connection.reset();
      else connection.closeIdle();
    }
    if (this.#connections.size === 0) return Promise.resolve();
    this.#stopped ??= Promise.withResolvers<void>();
    return this.#stopped.promise;
  }

  #accepted(socket: Bun.Socket<Held>): void {
    socket.data = { connection: null };
    const peer = unmapped(socket.remoteAddress);
    const release = this.#cap.admit(peer);
    if (release === null || this.#stopped !== null) {
      release?.();
      socket.terminate();
      return;
    }
    const connection = new WireConnection(this.#services, socket, peer, PLAIN_SCOPE, this.#serving);
    socket.data.connection = connection;
    this.#connections.add(connection);
    this.#places.set(connection, release);
    if (this.#timer === null) {
      this.#tick();
      this.#timer = setInterval(() => this.#tick(), TICK_MS);
      this.#timer.unref();
    }
  }

  #closed(connection: object): void {
    this.#places.get(connection)?.();
    this.#connections.delete(connection as WireConnection);
    if (this.#connections.size > 0) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#stopped?.resolve();
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#clock.nowMs = nowMs + TICK_MS;
    for (const connection of this.#connections) {
      if (nowMs >= connection.deadlineMs) connection.late(nowMs);
    }
  }
}

/** Nothing may escape a handler. */
function guarded({ connection }: Held, handle: (connection: WireConnection) => void): void {
  if (connection === null) return;
  try {
    handle(connection);
  } catch (error) {
    connection.failed(error);
  }
}
