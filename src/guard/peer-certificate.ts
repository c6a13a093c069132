// What a client showed of itself in its TLS handshake, where it was asked for a certificate.
import type { X509Certificate } from "node:crypto";

export interface PeerCertificate {
  readonly certificate: X509Certificate;
  /** Why no chain leads from it to one of the authorities, in OpenSSL's words: `CERT_HAS_EXPIRED`. Null: one did, at the handshake. */
  readonly problem: string | null;
}

/** A socket with TLS; Bun's has it. */
export interface TlsPeer {
  readonly authorized: boolean;
  getAuthorizationError(): Error | null;
  getPeerX509Certificate(): X509Certificate | undefined;
}

/** Null: it showed none, or is closed. */
export function peerCertificate(socket: TlsPeer): PeerCertificate | null {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return null;
  return { certificate, problem: socket.authorized ? null : problemOf(socket) };
}

function problemOf(socket: TlsPeer): string {
  const error: NodeJS.ErrnoException | null = socket.getAuthorizationError();
  return error?.code ?? error?.message ?? "UNVERIFIED";
}
