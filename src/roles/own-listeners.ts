// The gate's own listeners, which it never dials: a container must not be a way to the API.
import { networkInterfaces } from "node:os";
import type { ListenAddress } from "../config/setting-readers.ts";

/**
 * Whether an address and port reach one of our listeners. Every address of this machine counts, whichever one the listener is
 * bound to: it may be bound to all of them.
 */
export function isOwnListener(
  own: readonly ListenAddress[],
  address: string,
  port: number,
): boolean {
  return own.some((listen) => listen.port === port) && isOfThisMachine(address);
}

function isOfThisMachine(address: string): boolean {
  if (address.startsWith("127.") || address === "::1") return true;
  return Object.values(networkInterfaces()).some((entries) =>
    entries?.some((entry) => entry.address === address),
  );
}
