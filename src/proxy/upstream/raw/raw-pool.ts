// Connections to upstreams: idle ones for the next request, of whichever client, and those in use.

import { ConnectAttempts } from "../../../guard/connect-attempts.ts";
import { eventLoopReads } from "../../../guard/read-turns.ts";
import type { Limits } from "../../../http1/limits.ts";
import { DEFAULT_LIMITS } from "../../../http1/limits.ts";
import type { ConnectionKeeper } from "./connection-keeper.ts";
import type { RawCall } from "./raw-call.ts";
import { RawConnection } from "./raw-connection.ts";

export interface RawPoolOptions {
  readonly limits: Limits;
  /** How long a connection may be idle, in milliseconds: less than upstreams allow, of which many allow 5 s. */
  readonly idleMs: number;
  /** How long connecting may take, in milliseconds. */
  readonly connectMs: number;
  /** Idle connections to one upstream. */
  readonly idlePerUpstreamMax: number;
  /** Idle connections in all. */
  readonly idleMax: number;
  /** How long an upstream that sent what was not asked for gets a new connection for each request, in milliseconds. */
  readonly outOfStepMs: number;
  /** How often limits are looked at, in milliseconds. */
  readonly tickMs: number;
  /** Called with what a receiver threw. */
  readonly threw: (error: unknown) => void;
}

export const RAW_POOL_OPTIONS: RawPoolOptions = {
  limits: { ...DEFAULT_LIMITS, headBytesMax: 65_536, lineCountMax: 256 },
  idleMs: 4_000,
  connectMs: 10_000,
  idlePerUpstreamMax: 256,
  idleMax: 4_096,
  outOfStepMs: 60_000,
  tickMs: 250,
  threw: () => {},
};

/** So many upstreams that are out of step are known by themselves; beyond them all are forgotten. */
const OUT_OF_STEP_MAX = 1_024;

/** One address and port. */
interface Upstream {
  /** The newest is the last. */
  readonly idle: RawConnection[];
  /** Connections of any kind; without one the upstream is forgotten. */
  size: number;
}

const HANDLERS: Bun.SocketHandler<RawConnection> = {
  open: (socket) => guarded(socket.data, () => socket.data.opened(socket)),
  data(socket, chunk) {
    const connection = socket.data;
    try {
      connection.received(chunk);
    } catch (error) {
      connection.failed(error);
    }
  },
  drain: (socket) => guarded(socket.data, () => socket.data.drained()),
  end: (socket) => guarded(socket.data, () => socket.data.ended()),
  close: (socket, error) => guarded(socket.data, () => socket.data.gone(error !== undefined)),
  error: (socket, error) => socket.data.failed(error),
  connectError: (socket) => guarded(socket.data, () => socket.data.refused()),
};

/** Nothing may escape a handler. */
function guarded(connection: RawConnection, handle: () => void): void {
  try {
    handle();
  } catch (error) {
    connection.failed(error);
  }
}

export class RawPool implements ConnectionKeeper<RawConnection> {
  readonly limits: Limits;
  readonly turns = eventLoopReads;
  readonly idleMs: number;
  readonly #options: RawPoolOptions;
  readonly #attempts: ConnectAttempts;
  readonly #byPort = new Map<number, Map<string, Upstream>>();
  readonly #all = new Set<RawConnection>();
  /** By address and port: until when, of `performance.now()`. Apart, as an upstream is forgotten with its last connection. */
  readonly #outOfStep = new Map<string, number>();
  #idleCount = 0;
  #timer: ReturnType<typeof setInterval> | null = null;
  #isStopped = false;

  /** `attempts`: with too many of them an address is unreachable until the system is done with some. */
  constructor(options: Partial<RawPoolOptions> = {}, attempts = new ConnectAttempts()) {
    this.#options = { ...RAW_POOL_OPTIONS, ...options };
    this.#attempts = attempts;
    this.limits = this.#options.limits;
    this.idleMs = this.#options.idleMs;
  }

  /** Connections of any kind. */
  get size(): number {
    return this.#all.size;
  }

  get idleCount(): number {
    return this.#idleCount;
  }

  /** The connection that became idle last; null: there is none. */
  takeIdle(address: string, port: number): RawConnection | null {
    const connection = this.#byPort.get(port)?.get(address)?.idle.pop() ?? null;
    if (connection !== null) this.#idleCount--;
    return connection;
  }

  /** Makes a connection, on which the call begins. Null: too many attempts at its address are still under way. */
  connect(address: string, port: number, call: RawCall): RawConnection | null {
    const attempt = this.#attempts.begin(address);
    if (attempt === null) return null;
    const upstream = this.#upstream(address, port);
    this.#startTicking();
    const { connectMs } = this.#options;
    const connection = new RawConnection(this, address, port, call, attempt, connectMs);
    upstream.size++;
    this.#all.add(connection);
    Bun.connect<RawConnection>({
      hostname: address,
      port,
      allowHalfOpen: true,
      data: connection,
      socket: HANDLERS,
    }).catch(() => connection.refused());
    return connection;
  }

  released(connection: RawConnection): void {
    const { address, port } = connection;
    const { idle } = this.#upstream(address, port);
    const { idlePerUpstreamMax, idleMax } = this.#options;
    const isFull = idle.length >= idlePerUpstreamMax || this.#idleCount >= idleMax;
    if (this.#isStopped || isFull || this.#isOutOfStep(connection)) {
      connection.close();
      return;
    }
    idle.push(connection);
    this.#idleCount++;
  }

  closed(connection: RawConnection): void {
    const { address, port } = connection;
    const upstream = this.#upstream(address, port);
    const place = upstream.idle.lastIndexOf(connection);
    if (place !== -1) {
      upstream.idle.splice(place, 1);
      this.#idleCount--;
    }
    this.#all.delete(connection);
    this.#forget(connection);
  }

  outOfStep({ address, port }: RawConnection): void {
    if (this.#outOfStep.size >= OUT_OF_STEP_MAX) this.#outOfStep.clear();
    this.#outOfStep.set(keyOf(address, port), performance.now() + this.#options.outOfStepMs);
    for (const idle of [...(this.#byPort.get(port)?.get(address)?.idle ?? [])]) idle.close();
  }

  #isOutOfStep({ address, port }: RawConnection): boolean {
    if (this.#outOfStep.size === 0) return false;
    const key = keyOf(address, port);
    const untilMs = this.#outOfStep.get(key);
    if (untilMs === undefined) return false;
    if (performance.now() < untilMs) return true;
    this.#outOfStep.delete(key);
    return false;
  }

  threw(error: unknown): void {
    this.#options.threw(error);
  }

  /** Closes idle connections; those in use are closed when their requests are over. */
  stop(): void {
    this.#isStopped = true;
    for (const connection of [...this.#all]) {
      if (connection.isIdle) connection.close();
    }
    this.#stopTicking();
  }

  #upstream(address: string, port: number): Upstream {
    let byAddress = this.#byPort.get(port);
    if (byAddress === undefined) {
      byAddress = new Map();
      this.#byPort.set(port, byAddress);
    }
    let upstream = byAddress.get(address);
    if (upstream === undefined) {
      upstream = { idle: [], size: 0 };
      byAddress.set(address, upstream);
    }
    return upstream;
  }

  #forget({ address, port }: RawConnection): void {
    if (this.#all.size === 0) this.#stopTicking();
    if (--this.#upstream(address, port).size > 0) return;
    const byAddress = this.#byPort.get(port);
    byAddress?.delete(address);
    if (byAddress?.size === 0) this.#byPort.delete(port);
  }

  #startTicking(): void {
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      for (const connection of this.#all) guarded(connection, () => connection.tick(nowMs));
    }, this.#options.tickMs);
    this.#timer.unref();
  }

  #stopTicking(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

function keyOf(address: string, port: number): string {
  return `${address} ${port}`;
}
