/** Whose word about its client is believed. Peers are IP addresses as RelayListener.clientOf answers them. */
export interface PeerTrust {
  /** Whether this peer may say for whom it speaks: then many clients come from it. */
  trusts(peer: string): boolean;
  /** The client's address: the peer, or whom a trusted peer names in `X-Forwarded-For`. */
  client(peer: string, forwardedFor: string | null): string;
}
