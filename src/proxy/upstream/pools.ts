// Connections to programs that speak plain HTTP, of either version.
import { AbandonedAttempts } from "../../guard/abandoned-attempts.ts";
import type { Log } from "../../log.ts";
import { H2cPool } from "./h2c/h2c-pool.ts";
import { RawPool } from "./raw/raw-pool.ts";

/** `tickMs`: how often limits are looked at, in milliseconds. Attempts that are given up count for both. */
export function upstreamPools(tickMs: number, log: Log): { raw: RawPool; h2c: H2cPool } {
  const abandoned = new AbandonedAttempts();
  const threw = (error: unknown) => log.error({ err: error }, "a response was not passed on");
  return {
    raw: new RawPool({ tickMs, abandoned, threw }),
    h2c: new H2cPool({ tickMs, abandoned }),
  };
}
