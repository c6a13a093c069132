// For which hosts the certificate of a listener vouches.
import type { Log } from "../../../log.ts";
import type { ListenerScope } from "../../gate/request-head.ts";
import { hostName } from "../../routing/host.ts";
import { CertificateNames, type KeyPair } from "./key-pair.ts";

/** A listener without TLS: it serves every host. */
export const PLAIN_SCOPE: ListenerScope = {
  scheme: "http",
  serves: () => true,
  transportSecurity: null,
};

/**
 * A host that the certificate does not cover is misdirected (RFC 9110 §15.5.20). `parent`: the domain of this server's
 * containers, `local.containers.example.com`. `hstsMaxAgeS`: see `ProxyTls`.
 */
export function certificateScope(
  pair: KeyPair,
  parent: string,
  hstsMaxAgeS: number | null,
): ListenerScope {
  const names = new CertificateNames(pair.names);
  const coversContainers = names.cover(`any.${parent}`);
  return {
    scheme: "https",
    transportSecurity: hstsMaxAgeS === null ? null : `max-age=${hstsMaxAgeS}`,
    serves(host, header) {
      // A host of this server is one label below `parent`: the wildcard covers it.
      if (coversContainers && host.kind !== "refused") {
        return true;
      }
      const name = header === null ? null : hostName(header);
      // A malformed host is refused as malformed.
      return name === null || names.cover(name);
    },
  };
}

/** Logs what an operator should know of a certificate that is about to be used. */
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
