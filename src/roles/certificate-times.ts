// When the certificates of listeners other than the data plane's end.
import type { Instruments } from "../proxy/observe/instruments.ts";

/** Unix milliseconds. */
type ReadNotAfter = () => number;

export class CertificateTimes {
  readonly #times = new Map<"api" | "feed", ReadNotAfter>();

  set(listener: "api" | "feed", notAfterMs: ReadNotAfter): void {
    this.#times.set(listener, notAfterMs);
  }

  register(instruments: Instruments): void {
    instruments.gauges(
      "realmgate_certificate_not_after_seconds",
      "When the certificate of the API or of the change feed ends, in Unix seconds.",
      ["listener"],
      () => [...this.#times].map(([listener, read]) => [[listener], read() / 1000] as const),
      "min",
    );
  }
}
