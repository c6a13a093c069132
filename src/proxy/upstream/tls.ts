// How the certificates of `https-PORT` upstreams are verified.
import { getCACertificates } from "node:tls";

/** `off`: not at all. `system`: against the authorities of this machine. Or against those of a bundle, as PEM. */
export type UpstreamTls = "off" | "system" | { readonly ca: string };

/** As fetch and WebSocket take it. The address dialled is an IP literal: the certificate must name it. */
export interface UpstreamTlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
}

/** Throws for `system` on a machine without authorities. */
export function upstreamTlsOptions(upstreamTls: UpstreamTls): UpstreamTlsOptions {
  if (upstreamTls === "off") {
    return { rejectUnauthorized: false };
  }
  const ca = upstreamTls === "system" ? getCACertificates("system").join("\n") : upstreamTls.ca;
  // With an empty list the runtime would use its own.
  if (ca === "") {
    throw new Error("this machine knows no certificate authorities");
  }
  return { rejectUnauthorized: true, ca };
}
