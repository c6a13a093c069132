import type { PolicyGroup } from "./group.ts";
import { isIpv6Range } from "./ip-range.ts";

/**
 * A sentence for each family of addresses that no ip group sees though there are ip groups: its clients can be neither let in
 * nor kept out by address. Disabled groups see nobody.
 */
export function unseenFamilies(groups: Iterable<PolicyGroup>): string[] {
  let seesIpv4 = false;
  let seesIpv6 = false;
  for (const group of groups) {
    if (group.type === "ip" && group.enabled) {
      const isIpv6 = isIpv6Range(group.range);
      seesIpv6 ||= isIpv6;
      seesIpv4 ||= !isIpv6;
    }
  }
  if (seesIpv4 === seesIpv6) {
    return [];
  }
  return [
    seesIpv4
      ? "The ip groups name only IPv4 ranges: clients that come over IPv6 match none of them."
      : "The ip groups name only IPv6 ranges: clients that come over IPv4 match none of them.",
  ];
}
