// Metrics of the listener with TLS.

import type { TlsReloads } from "../edge/tls/tls-reload.ts";
import type { Instruments } from "./instruments.ts";

export interface ObservedEdge {
  /** Unix milliseconds at which the current certificate expires. */
  readonly notAfterMs: () => number;
  readonly reloads: () => TlsReloads;
}

export function tlsSeries(instruments: Instruments, { notAfterMs, reloads }: ObservedEdge): void {
  instruments.gauge(
    "realmgate_tls_certificate_not_after_seconds",
    "When the certificate of the data plane ends, in Unix seconds.",
    () => notAfterMs() / 1000,
    "min",
  );
  instruments.counters(
    "realmgate_tls_reloads_total",
    "Changes of the certificate's files: taken over, or refused because they hold no good pair.",
    ["result"],
    () => [
      [["done"], reloads().done],
      [["refused"], reloads().refused],
    ],
  );
}
