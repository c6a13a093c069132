// Ranges and addresses of both families as the numbers that tries compare. IPv4-mapped addresses are IPv4 (RFC 4291 §2.5.5.2).
import ipaddr from "ipaddr.js";
import {
  type Address,
  type Network,
  parseAddress,
  parseDottedQuad,
  parseNetwork,
} from "./address.ts";
import { maskedPrefix, type Prefix } from "./prefix-trie.ts";

/** Four unsigned 32-bit words, most significant first. */
export type Ipv6Key = readonly [a: number, b: number, c: number, d: number];
/** A client's address: IPv4 as an unsigned 32-bit number, IPv6 as four of them. */
export type AddressKey = number | Ipv6Key;

/** A network without host bits: `key` has one word of IPv4, four of IPv6. */
export type IpRange = Prefix;

/** An IPv4 or IPv6 literal as `parseAddress` reads it; null for anything else. This runs for every request. */
export function parseAddressKey(text: string): AddressKey | null {
  if (!text.includes(":")) {
    return parseDottedQuad(text);
  }
  const address = parseAddress(text);
  return address === null ? null : keyOf(address);
}

export function keyOf(address: Address): AddressKey {
  if (address instanceof ipaddr.IPv4) {
    return address.octets.reduce((sum, octet) => sum * 256 + octet, 0);
  }
  const { parts } = address;
  const word = (i: number) => (parts[i] ?? 0) * 65_536 + (parts[i + 1] ?? 0);
  return [word(0), word(2), word(4), word(6)];
}

/** Host bits are masked. */
export function rangeOf([address, length]: Network): IpRange {
  return maskedPrefix(wordsOf(keyOf(address)), length);
}

/** `address/length` as `parseNetwork` reads it: no zones, no networks of IPv4-mapped addresses. Null for anything else. */
export function parseRange(text: string): IpRange | null {
  const network = parseNetwork(text);
  return network === null ? null : rangeOf(network);
}

/** The canonical text: dotted quad or RFC 5952, and the length. */
export function formatRange({ key, length }: IpRange): string {
  return `${addressText(key)}/${length}`;
}

function addressText(key: readonly number[]): string {
  return isIpv6(key)
    ? new ipaddr.IPv6(key.flatMap((word) => [word >>> 16, word & 0xffff])).toRFC5952String()
    : [24, 16, 8, 0].map((bits) => ((key[0] ?? 0) >>> bits) & 255).join(".");
}

/** Whether it is a range of IPv6 addresses. */
export function isIpv6Range({ key }: IpRange): boolean {
  return isIpv6(key);
}

/** Whether the address is in the range. Slow: the gate asks a trie. */
export function rangeHas({ key, length }: IpRange, address: AddressKey): boolean {
  const words = wordsOf(address);
  return (
    words.length === key.length &&
    maskedPrefix(words, length).key.every((word, i) => word === key[i])
  );
}

export function wordsOf(address: AddressKey): readonly number[] {
  return typeof address === "number" ? [address] : address;
}

function isIpv6(key: readonly number[]): boolean {
  return key.length === 4;
}
