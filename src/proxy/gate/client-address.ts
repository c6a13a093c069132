import { type Address, type Network, parseAddress, parseNetwork } from "../../policy/address.ts";
import { AddressSet } from "../../policy/address-set.ts";

/** The client address when it can't be known; no ip group matches it, so whoever a trusted proxy names like that is refused. */
export const UNKNOWN_ADDRESS = "unknown";

const MAPPED = "::ffff:";
const CACHED_PEERS_MAX = 256;

/** Who may speak for a client, and whom they speak for. Peers are named as `unmapped` answers. */
export interface TrustedProxies {
  /** Whether what this socket peer says about its client is believed. */
  trusts(peer: string): boolean;
  /**
   * The address of the client behind this peer: the peer itself, or, when the peer is trusted, the right-most untrusted
   * address of its `X-Forwarded-For` (the left-most when all are trusted). A port behind an address, and the brackets that
   * IPv6 has then, are left out. Any other entry (`unknown`, an empty one) met on the way fails closed: the answer is
   * UNKNOWN_ADDRESS, and the request has to be refused, since a ban by address would not know it.
   */
  client(peer: string, forwardedFor: string | null): string;
}

/** Throws TypeError naming the first entry that is no CIDR. */
export function trustedProxies(cidrs: readonly string[]): TrustedProxies {
  if (cidrs.length === 0) {
    return { trusts: () => false, client: (peer) => peer };
  }
  const ranges = new AddressSet(cidrs.map(parseRange));
  const known = new Map<string, boolean>();

  function trusts(peer: string): boolean {
    let trusted = known.get(peer);
    if (trusted === undefined) {
      const address = parseAddress(peer);
      trusted = address !== null && ranges.has(address);
      if (known.size >= CACHED_PEERS_MAX) {
        known.clear();
      }
      known.set(peer, trusted);
    }
    return trusted;
  }

  function client(peer: string, forwardedFor: string | null): string {
    if (forwardedFor === null || !trusts(peer)) {
      return peer;
    }
    let end = forwardedFor.length;
    for (;;) {
      const comma = end === 0 ? -1 : forwardedFor.lastIndexOf(",", end - 1);
      const address = parseHop(forwardedFor.slice(comma + 1, end).trim());
      if (address === null) {
        return UNKNOWN_ADDRESS;
      }
      if (comma === -1 || !ranges.has(address)) {
        return address.toString();
      }
      end = comma;
    }
  }

  return { trusts, client };
}

/** `a.b.c.d`, `a.b.c.d:port`, an IPv6 address, `[address]` or `[address]:port` (as of RFC 7239 §6). */
const HOP = /^(?:([\d.]+):(\d{1,5})|\[([\da-f:.]+)\](?::(\d{1,5}))?)$/i;
const PORT_MAX = 65_535;

function parseHop(text: string): Address | null {
  const plain = parseAddress(text);
  if (plain !== null) return plain;
  const [, ipv4, port4, ipv6, port6] = HOP.exec(text) ?? [];
  if (Number(port4 ?? port6 ?? 0) > PORT_MAX) return null;
  if (ipv4 !== undefined) return parseAddress(ipv4);
  return ipv6?.includes(":") ? parseAddress(ipv6) : null;
}

/**
 * What the runtime reports of a peer, without the IPv4-mapped prefix of dual-stack listeners (RFC 4291 §2.5.5.2) and without the
 * zone of a link-local address, which is the name of an interface of this host.
 */
export function unmapped(peer: string): string {
  if (peer.startsWith(MAPPED) && peer.includes(".")) {
    return peer.slice(MAPPED.length);
  }
  const zone = peer.indexOf("%");
  return zone === -1 ? peer : peer.slice(0, zone);
}

function parseRange(cidr: string): Network {
  const network = parseNetwork(cidr);
  if (network === null) {
    throw new TypeError(`trusted proxy ${JSON.stringify(cidr)} is no CIDR`);
  }
  return network;
}
