// A listener in front of a server that cannot be told how much one client may cost: it counts connections, ends silent ones,
// and passes bytes on at a pace that leaves the event loop to others. The server behind it listens on loopback only.
import type { Socket } from "bun";
import { parseAddress } from "../policy/address.ts";
import { ConnectionCap } from "./connection-cap.ts";
import { reportEscaped } from "./escaped-errors.ts";
import { type PeerCertificate, peerCertificate } from "./peer-certificate.ts";
import { type MakeGuard, RelayHub, type RelayHubOptions } from "./relay-hub.ts";
import type { Relayed, RelayLimits } from "./relayed.ts";
import type { ServerPeer } from "./server-peer.ts";

export interface RelayOptions extends RelayHubOptions {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
  /** TLS ends here, the server gets plain bytes. Null or unset: there is none. */
  readonly tls?: RelayTls | null;
  /**
   * With TLS: authorities, each as PEM, of certificates that clients are asked for. Who shows none, or another's, gets in all the
   * same: see `certificateOf`. Null or unset: nobody is asked.
   */
  readonly clientAuthorities?: readonly string[] | null;
  /** Protocols that are agreed on with TLS (RFC 7301), as `h2`; none when unset. */
  readonly alpn?: readonly string[];
  readonly limits: RelayLimits;
  readonly guard?: MakeGuard;
}

/** Certificates and their key as PEM. */
export interface RelayTls {
  readonly cert: string;
  readonly key: string;
}

/**
 * Listens and relays. The server finds the client of a connection by where it came from (`clientOf`); a connection to the
 * server that did not come through here has no client, and the server must refuse it.
 */
export class RelayListener {
  readonly hostname: string;
  readonly port: number;
  readonly #cap: ConnectionCap;
  readonly #options: RelayOptions;
  readonly #hub: RelayHub;
  /** What clients showed, where they were asked. */
  readonly #certificates = new WeakMap<Relayed, PeerCertificate>();
  #listener: Bun.TCPSocketListener<Relayed>;

  /** Throws when the address is taken. */
  constructor(options: RelayOptions) {
    const { limits, tls = null } = options;
    this.#options = options;
    this.#cap = new ConnectionCap(limits);
    // A successor with another certificate must be able to listen beside this one. First without sharing the port: otherwise we
    // would share it with another process and not notice.
    if (tls !== null && options.port !== 0) this.#listen(options.port, tls, false).stop(true);
    this.#listener = this.#listen(options.port, tls, tls !== null);
    this.hostname = this.#listener.hostname;
    this.port = this.#listener.port;
    this.#hub = new RelayHub(options);
  }

  /**
   * New connections get this certificate; open ones go on. The runtime cannot change it in place. Throws when it cannot listen,
   * and then nothing changed. Only with TLS from the start. A connection that arrives in this very moment may be reset.
   */
  replaceTls(tls: RelayTls): void {
    const before = this.#listener;
    this.#listener = this.#listen(this.port, tls, true);
    before.stop(false);
  }

  #listen(port: number, tls: RelayTls | null, reusePort: boolean): Bun.TCPSocketListener<Relayed> {
    const { hostname, alpn = [], clientAuthorities = null } = this.#options;
    const asks =
      clientAuthorities === null
        ? {}
        : { ca: [...clientAuthorities], requestCert: true, rejectUnauthorized: false };
    return Bun.listen<Relayed>({
      hostname,
      port,
      exclusive: !reusePort,
      ...(reusePort ? { reusePort } : {}),
      allowHalfOpen: true,
      ...(tls === null
        ? {}
        : { tls: { cert: tls.cert, key: tls.key, ALPNProtocols: protocolNames(alpn), ...asks } }),
      socket: {
        open: (client) => this.#accept(client),
        handshake: (client, success) => {
          if (!success) client.terminate();
          else if (clientAuthorities !== null) this.#noteCertificate(client);
        },
        data: (client, bytes) => client.data?.fromClient(bytes),
        drain: (client) => client.data?.clientDrained(),
        end: (client) => client.data?.clientEnded(),
        close: (client) => client.data?.close(),
        // Also what the handlers above throw.
        error: (client, error) => {
          if (client.data === undefined) client.terminate();
          else client.data.close();
          reportEscaped(error);
        },
      },
    });
  }

  #noteCertificate(client: Socket<Relayed>): void {
    const shown = client.data === undefined ? null : peerCertificate(client);
    if (shown !== null) this.#certificates.set(client.data, shown);
  }

  /** The address of the client whose connection reaches the server from there; undefined: there is none. */
  clientOf(peer: ServerPeer): string | undefined {
    return this.#hub.from(peer)?.address;
  }

  /**
   * What that client showed in its handshake, verified or not. Null: nothing, it was not asked, or it is gone. A session that TLS
   * resumed shows what its first handshake did: whether that is still valid is the caller's question.
   */
  certificateOf(peer: ServerPeer): PeerCertificate | null {
    const relayed = this.#hub.from(peer);
    return relayed === undefined ? null : (this.#certificates.get(relayed) ?? null);
  }

  /**
   * The server answers the request that this peer sent last without its body: what the client still sends is thrown away, and
   * the connection ends once the server has said what it has to say.
   */
  refuseRest(peer: ServerPeer): void {
    this.#hub.from(peer)?.refuseRest();
  }

  /** Ends the connection that reaches the server from there. */
  end(peer: ServerPeer): void {
    this.#hub.from(peer)?.close();
  }

  /** Connections at present, and connections refused since the start. */
  get connections(): { readonly open: number; readonly refused: number } {
    return { open: this.#cap.count, refused: this.#cap.refused };
  }

  /** Takes no new connections; those that are open go on. */
  stopAccepting(): void {
    this.#listener.stop(false);
  }

  /** Closes what is still open. */
  close(): void {
    this.#listener.stop(true);
    this.#hub.close();
  }

  /** Resolves once no client waits for bytes that the server has sent, at the latest after `limitMs`. */
  flushed(limitMs: number): Promise<void> {
    return this.#hub.flushed(limitMs);
  }

  /** The same of a server that has closed its connections: see `RelayHub.ended`. */
  ended(limitMs: number): Promise<void> {
    return this.#hub.ended(limitMs);
  }

  #accept(client: Socket<Relayed>): void {
    const remote: string | undefined = client.remoteAddress;
    // It is gone already.
    if (remote === undefined) {
      client.terminate();
      return;
    }
    const address = plainAddress(remote);
    const release = this.#cap.admit(address) ?? this.#admitInstead(address);
    if (release === null) {
      client.terminate();
      return;
    }
    client.data = this.#hub.relay(client, address, this.#options.guard ?? null, release);
  }

  /** When all places are taken: in place of the most silent connection of the network that has by far the most. */
  #admitInstead(address: string): (() => void) | null {
    const crowd = this.#cap.crowdBefore(address);
    if (crowd === null) return null;
    this.#hub.mostSilent(crowd)?.close();
    return this.#cap.admit(address);
  }
}

/** An IPv4-mapped address of a dual-stack socket becomes IPv4 (RFC 4291 §2.5.5.2). */
function plainAddress(address: string): string {
  if (!address.includes(":")) return address;
  return parseAddress(address)?.toString() ?? address;
}

/** Protocol names as TLS carries them: each with its length before it (RFC 7301 §3.1). */
export function protocolNames(names: readonly string[]): Uint8Array {
  return Buffer.concat(names.map((name) => Buffer.from([name.length, ...Buffer.from(name)])));
}
