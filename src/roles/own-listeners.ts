// The gate's own listeners, which it never dials: a container must not be a way to the API.
import type { ListenAddress } from "../config/setting-readers.ts";
import { isOfThisMachine } from "../guard/this-machine.ts";

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
