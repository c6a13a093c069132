import ipaddr from "ipaddr.js";

const DOT = 46;
const ZERO = 48;
const PREFIX_LENGTH = /^(?:[0-9]|[12][0-9]|3[0-2])$/;
const PREFIX_LENGTH_6 = /^(?:[0-9]|[1-9][0-9]|1[01][0-9]|12[0-8])$/;

/** An address of either family; IPv4-mapped ones are IPv4 (RFC 4291 §2.5.5.2). */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;
/** An address in a network and the network's prefix length. */
export type Network = readonly [address: Address, length: number];

/**
 * IPv4 text, or an IPv4-mapped IPv6 address in any spelling (RFC 4291 §2.5.5.2), as an unsigned 32-bit number.
 * Null for real IPv6 and for anything else: no octal, hex or short forms, no zone.
 */
export function parseIpv4(text: string): number | null {
  return text.includes(":") ? parseMapped(text) : parseDottedQuad(text);
}

/** One pass over the characters: this runs for every request. */
export function parseDottedQuad(text: string): number | null {
  if (text.length < 7 || text.length > 15) {
    return null;
  }
  let address = 0;
  let octet = 0;
  let digits = 0;
  let dots = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (digits === 0 || ++dots > 3) {
        return null;
      }
      address = address * 256 + octet;
      octet = 0;
      digits = 0;
      continue;
    }
    const digit = code - ZERO;
    const leadingZero = digits > 0 && octet === 0;
    if (digit < 0 || digit > 9 || leadingZero) {
      return null;
    }
    octet = octet * 10 + digit;
    digits++;
    if (octet > 255) {
      return null;
    }
  }
  return digits > 0 && dots === 3 ? address * 256 + octet : null;
}

function parseMapped(text: string): number | null {
  const address = parseAddress(text);
  return address instanceof ipaddr.IPv4
    ? address.octets.reduce((sum, octet) => sum * 256 + octet, 0)
    : null;
}

/**
 * An IPv4 or IPv6 literal with one meaning: no octal, hex or short IPv4 forms, also not as the tail of IPv6; no zone,
 * port or brackets. Null for anything else.
 *
 * ipaddr.js knows the spellings of IPv6, but reads a dotted tail leniently (octal, hex) and takes `::a.b.c.d` for a
 * mapped address; so a dotted tail is read here and handed over in hex.
 */
export function parseAddress(text: string): Address | null {
  if (!text.includes(":")) {
    return parseDottedQuad(text) === null ? null : ipaddr.IPv4.parse(text);
  }
  const plain = text.includes(".") ? withHexTail(text) : text;
  if (plain === null || plain.includes("%") || !ipaddr.IPv6.isValid(plain)) {
    return null;
  }
  const address = ipaddr.IPv6.parse(plain);
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

/**
 * `address/length`, both as strict as parseAddress; host bits are allowed. Null for anything else, and for a network of
 * IPv4-mapped addresses: it is not clear which length is meant.
 */
export function parseNetwork(text: string): Network | null {
  const slash = text.indexOf("/");
  const address = slash === -1 ? null : parseAddress(text.slice(0, slash));
  const length = text.slice(slash + 1);
  const isIpv6 = text.includes(":");
  if (address === null || (address.kind() === "ipv6") !== isIpv6) {
    return null;
  }
  return (isIpv6 ? PREFIX_LENGTH_6 : PREFIX_LENGTH).test(length) ? [address, Number(length)] : null;
}

function withHexTail(text: string): string | null {
  const tail = text.lastIndexOf(":") + 1;
  const quad = parseDottedQuad(text.slice(tail));
  if (quad === null) {
    return null;
  }
  return `${text.slice(0, tail)}${(quad >>> 16).toString(16)}:${(quad & 0xffff).toString(16)}`;
}
