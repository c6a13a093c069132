import { parseAddress } from "../../policy/address.ts";

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
  const address = parseAddress(text);
  if (address === null || address.range() === "unspecified") {
    return null;
  }
  const canonical = address.toString();
  const urlHost = address.kind() === "ipv6" ? `[${canonical}]` : canonical;
  return { text: canonical, urlHost };
}
