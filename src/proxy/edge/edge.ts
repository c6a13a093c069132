// What differs between the listeners of the data plane, as far as a request can tell.

import type { Log } from "../../log.ts";
import { type HostName, hostName } from "../routing/host.ts";
import { CertificateNames, type KeyPair } from "./tls/key-pair.ts";

export interface Edge {
  readonly scheme: "http" | "https";
  /** Whether a request for this host may come here. `header`: what `host` was parsed from. */
  readonly serves: (host: HostName, header: string | null) => boolean;
}

export const PLAIN_EDGE: Edge = { scheme: "http", serves: () => true };

/**
 * A host that the certificate does not vouch for is misdirected (RFC 9110 §15.5.20). `parent`: what the names of this server's
 * containers end with, `local.containers.example.com`.
 */
export function tlsEdge(pair: KeyPair, parent: string): Edge {
  const names = new CertificateNames(pair.names);
  const coversContainers = names.cover(`any.${parent}`);
  return {
    scheme: "https",
    serves(host, header) {
      // Of this server, one label: what the wildcard stands for.
      if (coversContainers && host.kind !== "refused") {
        return true;
      }
      const name = header === null ? null : hostName(header);
      // What is malformed is refused as such.
      return name === null || names.cover(name);
    },
  };
}

/** Says what an operator should know of a certificate that is about to be used. */
export function noteCertificate({ names, notAfterMs }: KeyPair, parent: string, log: Log): void {
  const notAfter = new Date(notAfterMs);
  if (notAfterMs <= Date.now()) {
    log.warn({ notAfter }, "certificate: it is valid no more; clients will refuse it");
  }
  if (!new CertificateNames(names).cover(`any.${parent}`)) {
    const wanted = `*.${parent}`;
    log.warn({ names, wanted }, "certificate: requests for hosts that it does not name are 421");
  }
}
