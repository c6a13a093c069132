// Sessions with programs that speak HTTP/2 in plain text.
import { ConnectAttempts } from "../../../guard/connect-attempts.ts";
import { reportEscaped } from "../../../guard/escaped-errors.ts";
import { eventLoopReads } from "../../../guard/read-turns.ts";
import { H2cSession, type SessionKeeper, type SessionLimits } from "./h2c-session.ts";

export interface H2cPoolOptions extends SessionLimits {
  /** Sessions with one upstream, those that take no more requests included. */
  readonly sessionsPerUpstreamMax: number;
  /** How often limits are looked at, in milliseconds. */
  readonly tickMs: number;
}

export const H2C_POOL_OPTIONS: H2cPoolOptions = {
  streamsMax: 100,
  requestsMax: 1_000_000,
  connectMs: 10_000,
  idleMs: 10_000,
  idleFramesMax: 25_000,
  sessionsPerUpstreamMax: 64,
  tickMs: 250,
};

/** One address and port. */
interface Upstream {
  /** Those that may take requests; the newest is the last. */
  readonly sessions: H2cSession[];
  size: number;
}

export class H2cPool implements SessionKeeper {
  readonly turns = eventLoopReads;
  readonly limits: H2cPoolOptions;
  readonly #attempts: ConnectAttempts;
  readonly #upstreams = new Map<string, Upstream>();
  readonly #all = new Set<H2cSession>();
  #timer: ReturnType<typeof setInterval> | null = null;

  /** `attempts`: with too many of them an address gets no session until the system is done with some. */
  constructor(options: Partial<H2cPoolOptions> = {}, attempts = new ConnectAttempts()) {
    this.limits = { ...H2C_POOL_OPTIONS, ...options };
    this.#attempts = attempts;
  }

  /** Sessions that are not closed. */
  get size(): number {
    return this.#all.size;
  }

  /** One with room, new where needed. Null: the upstream has too many. `isBound`: for one request alone. */
  session(address: string, port: number, isBound: boolean): H2cSession | null {
    const key = keyOf(address, port);
    const upstream = this.#upstreams.get(key) ?? { sessions: [], size: 0 };
    const ready = isBound ? undefined : upstream.sessions.findLast(({ hasRoom }) => hasRoom);
    if (ready !== undefined) return ready;
    if (upstream.size >= this.limits.sessionsPerUpstreamMax) return null;
    const attempt = this.#attempts.begin(address);
    if (attempt === null) return null;
    const session = new H2cSession(this, address, port, isBound, attempt);
    this.#upstreams.set(key, upstream);
    upstream.size++;
    if (!isBound) upstream.sessions.push(session);
    this.#all.add(session);
    this.#startTicking();
    return session;
  }

  retired(session: H2cSession): void {
    this.#remove(session);
  }

  closed(session: H2cSession): void {
    this.#all.delete(session);
    if (this.#all.size === 0) this.#stopTicking();
    this.#remove(session);
    const key = keyOf(session.address, session.port);
    const upstream = this.#upstreams.get(key);
    if (upstream !== undefined && --upstream.size === 0) this.#upstreams.delete(key);
  }

  /** Closes idle sessions; those in use are closed when their requests are over. */
  stop(): void {
    for (const session of [...this.#all]) session.stop();
  }

  #remove(session: H2cSession): void {
    const sessions = this.#upstreams.get(keyOf(session.address, session.port))?.sessions;
    const place = sessions?.indexOf(session) ?? -1;
    if (place !== -1) sessions?.splice(place, 1);
  }

  #startTicking(): void {
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      for (const session of [...this.#all]) {
        try {
          session.tick(nowMs);
        } catch (error) {
          session.fail();
          reportEscaped(error);
        }
      }
    }, this.limits.tickMs);
    this.#timer.unref();
  }

  #stopTicking(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

function keyOf(address: string, port: number): string {
  return `${port} ${address}`;
}
