// Connections to programs that speak plain HTTP, of either version.
import { ConnectAttempts } from "../../guard/connect-attempts.ts";
import type { Log } from "../../log.ts";
import { H2cPool } from "./h2c/h2c-pool.ts";
import { RawPool } from "./raw/raw-pool.ts";

export interface UpstreamPools {
  readonly raw: RawPool;
  readonly h2c: H2cPool;
  /** Of both. */
  readonly attempts: ConnectAttempts;
}

/** `tickMs`: how often limits are looked at, in milliseconds. */
export function upstreamPools(tickMs: number, log: Log): UpstreamPools {
  const attempts = new ConnectAttempts();
  const threw = (error: unknown) => log.error({ err: error }, "a response was not passed on");
  return {
    raw: new RawPool({ tickMs, threw }, attempts),
    h2c: new H2cPool({ tickMs }, attempts),
    attempts,
  };
}

/**
 * How many exchanges there is room for. An attempt that nobody waits for keeps the descriptor that its exchange had for its
 * upstream, which is half of a place.
 */
export function placesLeft(exchangesMax: number, { dropped }: ConnectAttempts): number {
  return Math.max(1, exchangesMax - Math.ceil(dropped / 2));
}
