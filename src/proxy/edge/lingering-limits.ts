// How long connections are read on whose request was refused, so that their clients see the refusal (RFC 9112 §9.6).
import type { ConnectionCapOptions } from "../../guard/connection-cap.ts";

export interface LingeringLimits extends ConnectionCapOptions {
  /** Bytes that are read and thrown away, for each request. */
  readonly bytesMax: number;
  /** How long no byte may come, in milliseconds. */
  readonly silentMs: number;
  /** How long it may take in all, in milliseconds. */
  readonly allMs: number;
}

export const LINGERING_LIMITS = {
  connectionsMax: 64,
  perNetworkMax: 16,
  bytesMax: 128 * 1024 * 1024,
  silentMs: 2_000,
  allMs: 30_000,
} as const satisfies LingeringLimits;
