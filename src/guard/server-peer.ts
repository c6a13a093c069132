// Servers behind relays, and who is at the other end of their connections.

/** Where a server behind a relay listens, and the address that relays reach it from. */
export const RELAY_SERVER_HOST = "127.0.0.1";

/** The other end of a connection to a server behind a relay, as the server sees it. */
export interface ServerPeer {
  readonly address: string;
  readonly port: number;
}

/** Of what grpc-js says, `127.0.0.1:5000`. */
export function serverPeer(text: string): ServerPeer {
  const colon = text.lastIndexOf(":");
  return { address: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}
