// Where containers may live: a tenant's container at a wrong address would make the gate dial a place of somebody's choosing.
import ipaddr from "ipaddr.js";

/** Cloud metadata and neighbours live here; no configuration opens these. */
const neverAllowed = [
  "169.254.0.0/16",
  "fe80::/10",
  "0.0.0.0/8",
  "224.0.0.0/4",
  "255.255.255.255/32",
  "ff00::/8",
  "::/128",
];

export interface Placement {
  /** The address in canonical spelling (v4-mapped unmapped), or null when no container may live there. */
  place(address: string): string | null;
}

/** `networks`: CIDRs, IPv4 or IPv6. Throws on one that is none. */
export function createPlacement(networks: readonly string[]): Placement {
  const allowed = networks.map((network) => ipaddr.parseCIDR(network));
  const never = neverAllowed.map((network) => ipaddr.parseCIDR(network));
  return {
    place(text) {
      if (!isLiteral(text)) return null;
      const address = ipaddr.process(text);
      if (!contains(allowed, address) || contains(never, address)) return null;
      return address.toString();
    },
  };
}

/** Whether a listener at this address (or name) is reached from this machine only. */
export function isLoopback(hostname: string): boolean {
  if (hostname === "localhost") return true;
  return ipaddr.isValid(hostname) && ipaddr.process(hostname).range() === "loopback";
}

/** Four decimal octets, or an IPv6 address without zone: octal, hex and short IPv4 forms mean different things elsewhere. */
function isLiteral(text: string): boolean {
  if (text.includes(":")) return !text.includes("%") && ipaddr.IPv6.isValid(text);
  return ipaddr.IPv4.isValidFourPartDecimal(text) && !/(^|\.)0\d/.test(text);
}

type Network = [ipaddr.IPv4 | ipaddr.IPv6, number];

function contains(networks: readonly Network[], address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return networks.some(
    ([network, length]) => network.kind() === address.kind() && address.match(network, length),
  );
}
