// Addresses that containers may have. A tenant chooses the address, so it must not make the gate dial anywhere else.
import { type Network, parseAddress, parseNetwork } from "./address.ts";
import { AddressSet } from "./address-set.ts";

/** Cloud metadata and neighbours live here; no configuration opens these. */
const neverAllowed = [
  "169.254.0.0/16",
  "fe80::/10",
  "0.0.0.0/8",
  "224.0.0.0/4",
  "255.255.255.255/32",
  "ff00::/8",
  "::/128",
  "fd00:ec2::254/128",
  "fd20:ce::254/128",
  "100.100.100.200/32",
  "192.0.0.192/32",
];

export interface AddressPolicy {
  /** The address in canonical spelling (v4-mapped unmapped), or null when no container may have it. */
  place(address: string): string | null;
}

/** `networks`: CIDRs, IPv4 or IPv6. Throws TypeError naming the first invalid one. */
export function addressPolicy(networks: readonly string[]): AddressPolicy {
  const allowed = new AddressSet(networks.map(network));
  const never = new AddressSet(neverAllowed.map(network));
  return {
    place(text) {
      const address = parseAddress(text);
      if (address === null || !allowed.has(address) || never.has(address)) return null;
      return address.toString();
    },
  };
}

/** Whether a listener at this address (or name) is reached from this machine only. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || parseAddress(hostname)?.range() === "loopback";
}

function network(text: string): Network {
  const parsed = parseNetwork(text);
  if (parsed === null) throw new TypeError(`${JSON.stringify(text)} is not a network`);
  return parsed;
}
