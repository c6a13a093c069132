import ipaddr from "ipaddr.js";

/** An IP literal the gate may dial, in its one canonical spelling. */
export interface UpstreamAddress {
  /** `10.0.0.1`, `fd00::1`. */
  readonly text: string;
  /** As it stands in a URL: `10.0.0.1`, `[fd00::1]`. */
  readonly urlHost: string;
}

/**
 * Null for anything but a plain IPv4 or IPv6 literal. The unspecified address is refused as well: dialling it reaches this
 * very machine. IPv4-mapped addresses are IPv4 (RFC 4291 §2.5.5.2).
 */
export function parseUpstreamAddress(text: string): UpstreamAddress | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
    return plain(ipaddr.IPv4.parse(text));
  }
  if (!text.includes(":") || text.includes("%") || !ipaddr.IPv6.isValid(text)) {
    return null;
  }
  const address = ipaddr.IPv6.parse(text);
  return plain(address.isIPv4MappedAddress() ? address.toIPv4Address() : address);
}

function plain(address: ipaddr.IPv4 | ipaddr.IPv6): UpstreamAddress | null {
  if (address.range() === "unspecified") {
    return null;
  }
  const text = address.toString();
  return { text, urlHost: address.kind() === "ipv6" ? `[${text}]` : text };
}
