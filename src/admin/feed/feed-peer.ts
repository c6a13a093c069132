import type { PeerCertificate } from "../../guard/peer-certificate.ts";

/** A node of the installation, as its credentials name it. */
export interface FeedPeer {
  /** Names the node. */
  readonly node: string;
  /** The servers whose containers it may ask for. */
  readonly servers: readonly string[];
  /** Derived keys that it gets, by purpose. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
  /** The installation's domain. */
  readonly domain: string;
  /** Why it is one no more; null: it still is. Asked again and again; unset: it stays one. */
  readonly ended?: () => Promise<string | null>;
}

/** What a connection shows of who it is. */
export interface PresentedCredentials {
  /** Of `authorization: Bearer TOKEN`; null: none. */
  readonly token: string | null;
  /** Of its TLS handshake, verified or not; null: none, or it was not asked for one. */
  readonly certificate: PeerCertificate | null;
}

/** A node, or why it is none. */
export type Authenticated = { readonly peer: FeedPeer } | { readonly problem: string };

export type AuthenticatePeer = (presented: PresentedCredentials) => Promise<Authenticated>;
