// An address that cannot be had is reported by the setting it came from.
import type { ListenAddress } from "../config/setting-readers.ts";

export function listening<Server>(
  name: string,
  listen: ListenAddress,
  start: () => Server,
): Server {
  try {
    return start();
  } catch (error) {
    return cannotListen(name, listen, error);
  }
}

/** Always throws. */
export function cannotListen(
  name: string,
  { hostname, port }: ListenAddress,
  error: unknown,
): never {
  const setting = `REALMGATE_${name}_LISTEN`;
  throw new Error(`${setting}: cannot listen on ${hostname}:${port} (in use?)`, { cause: error });
}
