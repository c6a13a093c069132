// When certificates other than the data plane's end: of listeners, and the one by which a node is known.
import type { Instruments } from "../proxy/observe/instruments.ts";

/** Unix milliseconds. */
type ReadNotAfter = () => number;

type Certified = "api" | "feed" | "node";

export class CertificateTimes {
  readonly #times = new Map<Certified, ReadNotAfter>();

  set(listener: Certified, notAfterMs: ReadNotAfter): void {
    this.#times.set(listener, notAfterMs);
  }

  register(instruments: Instruments): void {
    instruments.gauges(
      "realmgate_certificate_not_after_seconds",
      "When the certificate of the API, of the change feed or of this node ends, in Unix seconds.",
      ["listener"],
      () => [...this.#times].map(([listener, read]) => [[listener], read() / 1000] as const),
      "min",
    );
  }
}
