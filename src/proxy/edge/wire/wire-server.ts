// A listening socket with its connections and their clock.
import { unmapped } from "../../gate/client-address.ts";
import type { ListenerScope } from "../../gate/request-head.ts";
import type { ListeningServer, Serving } from "../edge.ts";
import { AwaitedStart } from "./awaited-start.ts";
import type { ConnectionPlaces } from "./connection-places.ts";
import type { Http2Connection, Http2Connections } from "./http2-connections.ts";
import { HTTP2, listenAt, tlsOf } from "./listen-options.ts";
import { ProxyHeader } from "./proxy-header.ts";
import { WireConnection } from "./wire-connection.ts";
import type { WireServices } from "./wire-services.ts";

export interface WireServerOptions {
  readonly hostname: string;
  readonly port: number;
  readonly reusePort: boolean;
  /** A socket that listens there already and is this server's from now on; null: it makes one. */
  readonly descriptor: number | null;
  readonly serving: Serving;
  readonly scope: ListenerScope;
  /** Not null with TLS. */
  readonly http2: Http2Connections | null;
  readonly services: Omit<WireServices, PerServer>;
  readonly places: ConnectionPlaces;
  /** Whether connections of this peer begin with a header of the PROXY protocol. */
  readonly speaksFor: (peer: string) => boolean;
}

export type PerServer = "closed" | "over" | "upgraded" | "clock";

const TICK_MS = 250;
/** How long a handshake, or a header of the PROXY protocol, may take. */
const START_MS = 10_000;
/** How long new connections have for their handshake and their first request once the server takes no more of them. */
const FIRSTS_LEFT_MS = 2_000;

/** It closes then, unless what it waits for has come. */
function hurry(waiting: { deadlineMs: number }, untilMs: number): void {
  waiting.deadlineMs = Math.min(waiting.deadlineMs, untilMs);
}

/** What a socket holds. All null: it was refused. */
interface Held {
  connection: WireConnection | null;
  /** Until it is over, nothing is read as HTTP. */
  awaited: AwaitedStart | null;
  http2: Http2Connection | null;
}

export class WireServer implements ListeningServer {
  readonly #options: WireServerOptions;
  readonly #listener: Bun.TCPSocketListener<Held>;
  readonly #connections = new Set<WireConnection>();
  readonly #http2Connections = new Set<Http2Connection>();
  readonly #awaited = new Set<AwaitedStart>();
  /** What gives a connection's place back. */
  readonly #releases = new WeakMap<object, () => void>();
  /** Never before the time at hand, so that no limit is shorter than it says. */
  readonly #clock = { nowMs: performance.now() + TICK_MS };
  readonly #services: WireServices;
  readonly #serving: Serving;
  readonly #scope: ListenerScope;
  readonly #http2: Http2Connections | null;
  readonly #places: ConnectionPlaces;
  #timer: ReturnType<typeof setInterval> | null = null;
  #isResting = false;
  #pending = 0;
  #isAborted = false;
  #upgraded = 0;
  #stopped: PromiseWithResolvers<void> | null = null;

  /** Throws when the address is taken. */
  constructor(options: WireServerOptions) {
    const { serving, services } = options;
    this.#options = options;
    this.#serving = serving;
    this.#scope = options.scope;
    this.#http2 = options.http2;
    this.#places = options.places;
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
      ...listenAt(options),
      allowHalfOpen: true,
      ...(serving.pair === null ? {} : { tls: tlsOf(serving.pair) }),
      socket: {
        open: (socket) => {
          const held: Held = { connection: null, awaited: null, http2: null };
          socket.data = held;
          this.#guarded(socket, () => this.#accepted(socket, held));
          if (held.connection === null && held.awaited === null) socket.terminate();
        },
        handshake: (socket, success) =>
          this.#guarded(socket, () => {
            if (success) this.#secured(socket);
            else socket.data.awaited?.close();
          }),
        data: (socket, chunk) => {
          const held = socket.data;
          try {
            if (held.connection !== null) held.connection.received(chunk);
            else this.#firstCame(socket, chunk);
          } catch (error) {
            this.#failed(socket, error);
          }
        },
        drain: (socket) =>
          this.#guarded(socket, () => {
            socket.data.connection?.drain();
            socket.data.http2?.relayed.clientDrained();
          }),
        end: (socket) =>
          this.#guarded(socket, () => {
            socket.data.awaited?.close();
            socket.data.connection?.clientEnded();
            socket.data.http2?.relayed.clientEnded();
          }),
        close: (socket) =>
          this.#guarded(socket, () => {
            socket.data.awaited?.close();
            socket.data.connection?.closed();
            socket.data.http2?.reset();
          }),
        error: (socket) =>
          this.#guarded(socket, () => {
            socket.data.awaited?.close();
            socket.data.connection?.reset();
            socket.data.http2?.reset();
          }),
      },
    });
  }

  get hostname(): string {
    return this.#options.hostname;
  }

  get port(): number {
    return this.#listener.port ?? this.#options.port;
  }

  get pendingRequests(): number {
    let streams = 0;
    for (const connection of this.#http2Connections) streams += connection.isIdle ? 0 : 1;
    for (const connection of this.#connections) streams += connection.isFlushing ? 1 : 0;
    return this.#pending + streams;
  }

  get pendingWebSockets(): number {
    return this.#upgraded;
  }

  get isSpent(): boolean {
    return this.#isResting && this.#isEmpty;
  }

  rest(): void {
    this.#isResting = true;
    this.#listener.stop(false);
  }

  stop(abort = false, idleLeftMs = 0): Promise<void> {
    this.#listener.stop(false);
    this.#isAborted ||= abort;
    const firstsUntilMs = performance.now() + FIRSTS_LEFT_MS;
    for (const awaited of [...this.#awaited]) {
      if (abort || awaited.header !== null) awaited.close();
      else hurry(awaited, firstsUntilMs);
    }
    for (const connection of [...this.#connections]) {
      if (abort) connection.cutOff();
      else if (connection.isUnused) hurry(connection, firstsUntilMs);
      else if (connection.isIdle && idleLeftMs > 0)
        hurry(connection, performance.now() + idleLeftMs);
      else if (connection.isIdle) connection.close();
    }
    for (const connection of [...this.#http2Connections]) {
      // The kernel still delivers what it has of responses; a reset would take it back.
      if (connection.isIdle) connection.close();
      else if (abort) connection.reset();
    }
    if (this.#isEmpty) return Promise.resolve();
    this.#stopped ??= Promise.withResolvers<void>();
    return this.#stopped.promise;
  }

  /** Unless it gets a connection, or waits for a header, it has no place. */
  #accepted(socket: Bun.Socket<Held>, held: Held): void {
    const address: string | undefined = socket.remoteAddress;
    // It is gone already.
    if (address === undefined) return;
    const peer = unmapped(address);
    if (this.#serving.pair !== null) this.#await(socket, held, peer, null);
    else if (this.#options.speaksFor(peer)) this.#await(socket, held, peer, new ProxyHeader());
    else this.#serve(socket, held, peer);
  }

  #await(socket: Bun.Socket<Held>, held: Held, peer: string, header: ProxyHeader | null): void {
    const release = this.#places.admit(peer);
    if (release === null) return;
    this.#startTicking();
    const deadlineMs = this.#clock.nowMs + Math.min(this.#services.headMs, START_MS);
    const awaited: AwaitedStart = new AwaitedStart(header, peer, deadlineMs, () => {
      if (!this.#started(held, awaited)) return;
      socket.terminate();
      this.#emptied();
    });
    held.awaited = awaited;
    this.#awaited.add(awaited);
    this.#places.add(awaited);
    this.#releases.set(awaited, release);
  }

  /** There is no connection of HTTP/1.1, or not yet. */
  #firstCame(socket: Bun.Socket<Held>, chunk: Uint8Array): void {
    const held = socket.data;
    const { awaited } = held;
    if (awaited !== null && this.#awaited.has(awaited)) {
      if (awaited.header !== null) {
        this.#headerCame(socket, chunk, awaited, awaited.header);
        return;
      }
      // Whichever of the two we hear of first.
      this.#secured(socket);
    }
    held.connection?.received(chunk);
    held.http2?.relayed.fromClient(chunk);
  }

  #headerCame(
    socket: Bun.Socket<Held>,
    chunk: Uint8Array,
    awaited: AwaitedStart,
    header: ProxyHeader,
  ): void {
    const held = socket.data;
    const { peer } = awaited;
    const step = header.push(chunk);
    if (step === "more") return;
    if (step === "error") {
      this.#services.log.warn({ peer }, "connection closed: it has no valid PROXY header");
      this.#services.noProxyHeader();
      held.awaited?.close();
      return;
    }
    this.#started(held, awaited);
    this.#serve(socket, held, header.source ?? peer);
    const { connection } = held;
    if (connection === null) {
      socket.terminate();
      this.#emptied();
    } else if (header.consumed < chunk.length) {
      connection.received(chunk.subarray(header.consumed));
    }
  }

  /** TLS is agreed on, and what is spoken behind it (RFC 7301). */
  #secured(socket: Bun.Socket<Held>): void {
    const held = socket.data;
    const { awaited } = held;
    if (awaited === null || !this.#awaited.has(awaited)) return;
    this.#started(held, awaited);
    if (socket.alpnProtocol === HTTP2) this.#serveHttp2(socket, held, awaited.peer);
    else this.#serve(socket, held, awaited.peer);
    if (held.connection !== null || held.http2 !== null) return;
    socket.terminate();
    this.#emptied();
  }

  /** False: it was over before. */
  #started(held: Held, awaited: AwaitedStart): boolean {
    held.awaited = null;
    if (!this.#awaited.delete(awaited)) return false;
    this.#places.delete(awaited);
    this.#releases.get(awaited)?.();
    return true;
  }

  /** Leaves it without a connection where there is no place for it. */
  #serve(socket: Bun.Socket<Held>, held: Held, peer: string): void {
    const release = this.#places.admit(peer);
    if (release === null || this.#isAborted) {
      release?.();
      return;
    }
    // First: while there were no connections the clock stood still, and the deadline is set by it.
    this.#startTicking();
    const connection = new WireConnection(this.#services, socket, peer, this.#scope, this.#serving);
    held.connection = connection;
    this.#connections.add(connection);
    this.#releases.set(connection, release);
    this.#places.add(connection);
  }

  #serveHttp2(socket: Bun.Socket<Held>, held: Held, peer: string): void {
    const release = this.#places.admit(peer);
    const http2 = this.#http2;
    const releaseBehind = http2?.places.admit(peer) ?? null;
    if (release === null || http2 === null || releaseBehind === null || this.#isAborted) {
      release?.();
      releaseBehind?.();
      return;
    }
    this.#startTicking();
    const client = { peer, serving: this.#serving, scope: this.#scope };
    const connection: Http2Connection = http2.open(socket, client, () => {
      release();
      releaseBehind();
      http2.places.delete(connection);
      this.#http2Connections.delete(connection);
      this.#places.delete(connection);
      this.#emptied();
    });
    held.http2 = connection;
    this.#http2Connections.add(connection);
    http2.places.add(connection);
    this.#places.add(connection);
  }

  #startTicking(): void {
    if (this.#timer !== null) return;
    this.#tick();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  #stopTicking(): void {
    if (!this.#isEmpty) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #closed(connection: object): void {
    this.#releases.get(connection)?.();
    this.#connections.delete(connection as WireConnection);
    this.#places.delete(connection as WireConnection);
    this.#emptied();
  }

  get #isEmpty(): boolean {
    const open = this.#connections.size + this.#http2Connections.size;
    return open === 0 && this.#awaited.size === 0;
  }

  #emptied(): void {
    this.#stopTicking();
    if (this.#isEmpty) this.#stopped?.resolve();
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
    for (const connection of this.#http2Connections) connection.tick(nowMs);
    for (const awaited of [...this.#awaited]) {
      if (nowMs >= awaited.deadlineMs) awaited.close();
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
    held.awaited?.close();
    socket.terminate();
  }
}
