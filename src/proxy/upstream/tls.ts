// Whether the certificates of `https-PORT` upstreams are looked at.
import { getCACertificates } from "node:tls";

/** `off`: any will do. `system`: the authorities that this machine knows. Or only those of a bundle, as PEM. */
export type UpstreamTls = "off" | "system" | { readonly ca: string };

/** As fetch and WebSocket take it. The address dialled is an IP literal: it has to be among the certificate's addresses. */
export interface UpstreamTlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
}

/** Throws when the machine is said to know the authorities and knows none. */
export function upstreamTlsOptions(upstreamTls: UpstreamTls): UpstreamTlsOptions {
  if (upstreamTls === "off") {
    return { rejectUnauthorized: false };
  }
  const ca = upstreamTls === "system" ? getCACertificates("system").join("\n") : upstreamTls.ca;
  // The runtime would take its own list for an empty one.
  if (ca === "") {
    throw new Error("this machine knows no certificate authorities");
  }
  return { rejectUnauthorized: true, ca };
}
