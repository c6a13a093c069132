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
  /** Whether it is still one; asked again and again. */
  readonly isValid?: () => Promise<boolean>;
}

/** What a connection shows of who it is. */
export interface PresentedCredentials {
  /** Of `authorization: Bearer TOKEN`; null: none. */
  readonly token: string | null;
  /** What grpc-js says of the other end, `127.0.0.1:5000`. */
  readonly peer: string;
}

/** Null: it is no node. */
export type AuthenticatePeer = (presented: PresentedCredentials) => Promise<FeedPeer | null>;
