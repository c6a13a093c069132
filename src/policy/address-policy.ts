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
  "168.63.129.16/32",
];

/** IPv6 in which an IPv4 address lies that a translator on the way reaches: NAT64 (RFC 6052 §2.1), RFC 4291 §2.5.5.1, RFC 2765 §2.1. */
const translated = ["64:ff9b::", "::", "::ffff:0:"];
/** 6to4 (RFC 3056 §2) has it behind its first 16 bits. */
const SIX_TO_FOUR = "2002:";

/** The same network behind translators; nothing for an IPv6 network, nor for this host, in whose place `::1` would be. */
function embedded(cidr: string): string[] {
  const [, address = "", length] = /^([\d.]+)\/(\d+)$/.exec(cidr) ?? [];
  if (address === "" || address === "0.0.0.0") return [];
  const [a, b, c, d] = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return [
    ...translated.map((prefix) => `${prefix}${address}/${96 + Number(length)}`),
    `${SIX_TO_FOUR}${a}${b}:${c}${d}::/${16 + Number(length)}`,
  ];
}

export interface AddressPolicy {
  /** The address in canonical spelling (v4-mapped unmapped), or null when no container may have it. */
  place(address: string): string | null;
}

/** `networks`: CIDRs, IPv4 or IPv6. Throws TypeError naming the first invalid one. */
export function addressPolicy(networks: readonly string[]): AddressPolicy {
  const allowed = new AddressSet(networks.map(network));
  const never = new AddressSet(
    neverAllowed.flatMap((cidr) => [cidr, ...embedded(cidr)]).map(network),
  );
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
