// What the runtime is given to listen with.
import { protocolNames } from "../../../guard/relay-listener.ts";
import type { KeyPair } from "../tls/key-pair.ts";

export const HTTP2 = "h2";

/** HTTP/2 first, as the runtime has it. */
export function tlsOf({ cert, key }: KeyPair) {
  return { cert, key, ALPNProtocols: protocolNames([HTTP2, "http/1.1"]) };
}

interface Place {
  readonly hostname: string;
  readonly port: number;
  readonly reusePort: boolean;
  /** Of a socket that listens there already; null: there is none. */
  readonly descriptor: number | null;
}

export function listenAt({ hostname, port, reusePort, descriptor }: Place) {
  // By default the port is shared with any process that asks for it (seen in Bun 1.4.5).
  const place = { hostname, port, exclusive: !reusePort, ...(reusePort ? { reusePort } : {}) };
  // The runtime listens with a descriptor, too (seen in Bun 1.4.5); its types say so of connections only.
  return descriptor === null ? place : ({ fd: descriptor } as unknown as typeof place);
}
