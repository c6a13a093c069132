// The certificate of the API, or of the feed, replaced while their connections go on.
import type { KeyPairFiles } from "../config/key-pair.ts";
import type { RelayTls } from "../guard/relay-listener.ts";
import type { Log } from "../log.ts";
import type { KeyPair } from "../proxy/edge/tls/key-pair.ts";
import { type ReplaceableListener, TlsReload } from "../proxy/edge/tls/tls-reload.ts";

/** A server whose new connections can get another certificate. */
interface Secured {
  replaceTls(tls: RelayTls): void;
}

/** Watches the certificate's files until it is stopped. */
export function watchApiCertificate(
  { pair, paths }: KeyPairFiles,
  servers: readonly Secured[],
  log: Log,
  name = "certificate of the API",
): TlsReload {
  return new TlsReload({
    paths,
    listener: new ApiListener(pair, servers),
    log,
    name,
    // The API serves any host: an address in the certificate will do.
    problemOf: () => null,
  });
}

/** Both listeners as one. Their open connections go on, so there is nothing to hand over. */
class ApiListener implements ReplaceableListener {
  readonly #servers: readonly Secured[];
  #pair: KeyPair;

  constructor(pair: KeyPair, servers: readonly Secured[]) {
    this.#pair = pair;
    this.#servers = servers;
  }

  get pair(): KeyPair {
    return this.#pair;
  }

  async replace(pair: KeyPair): Promise<void> {
    for (const server of this.#servers) server.replaceTls(pair);
    this.#pair = pair;
  }
}
