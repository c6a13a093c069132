// What operators are told of the listener with TLS.

import type { TlsReloads } from "../edge/tls/tls-reload.ts";
import type { Scraped } from "./instruments.ts";

export interface ObservedEdge {
  /** Unix milliseconds from which the certificate that is listened with is valid no more. */
  readonly notAfterMs: () => number;
  readonly reloads: () => TlsReloads;
}

export function tlsSeries(scraped: Scraped, { notAfterMs, reloads }: ObservedEdge): void {
  scraped.gauge(
    "realmgate_tls_certificate_not_after_seconds",
    "When the certificate of the data plane ends, in Unix seconds.",
    () => notAfterMs() / 1000,
  );
  scraped.counters(
    "realmgate_tls_reloads_total",
    "Changes of the certificate's files: taken over, or refused because they hold no good pair.",
    ["result"],
    () => [
      [["done"], reloads().done],
      [["refused"], reloads().refused],
    ],
  );
}
