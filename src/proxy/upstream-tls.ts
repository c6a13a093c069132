// Whether the certificates of `https-PORT` upstreams are looked at.

/** `off`: any will do. `system`: the authorities that the runtime knows. Or only those of a bundle, as PEM. */
export type UpstreamTls = "off" | "system" | { readonly ca: string };

/** As fetch and WebSocket take it. The address dialled is an IP literal: it has to be among the certificate's addresses. */
export interface UpstreamTlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly ca?: string;
}

export function upstreamTlsOptions(upstreamTls: UpstreamTls): UpstreamTlsOptions {
  if (upstreamTls === "off") {
    return { rejectUnauthorized: false };
  }
  return upstreamTls === "system"
    ? { rejectUnauthorized: true }
    : { rejectUnauthorized: true, ca: upstreamTls.ca };
}
