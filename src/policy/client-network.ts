import { parseAddress } from "./address.ts";

/**
 * The network that one customer has at least: an IPv4 address, or the /64 that an IPv6 address is in (RFC 6177 §2 has sites
 * get more than one /64). What is counted or shared "by network" is counted by this text. Empty for anything that is no address.
 */
export function clientNetwork(address: string): string {
  const known = KNOWN.get(address);
  if (known !== undefined) return known;
  const network = networkOf(address);
  // Whoever comes from so many addresses has them all read again.
  if (KNOWN.size >= KNOWN_MAX) KNOWN.clear();
  if (address.length <= ADDRESS_CHARS_MAX) KNOWN.set(address, network);
  return network;
}

/** Reading an address takes as long as accepting a connection, and the same ones come again and again. */
const KNOWN = new Map<string, string>();
const KNOWN_MAX = 4_096;
const ADDRESS_CHARS_MAX = 64;

function networkOf(address: string): string {
  // Already one: a dotted quad has no colon.
  if (!address.includes(":")) return parseAddress(address) === null ? "" : address;
  const parsed = parseAddress(address);
  if (parsed === null) return "";
  return parsed.kind() === "ipv4" ? parsed.toString() : `${hextets(parsed.toByteArray())}::/64`;
}

function hextets(bytes: readonly number[]): string {
  return [0, 2, 4, 6]
    .map((at) => (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)).toString(16))
    .join(":");
}
