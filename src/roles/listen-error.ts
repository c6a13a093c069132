// An address that cannot be had is reported by the setting it came from.
import type { Listen } from "../config/config.ts";

export function listening<Server>(name: string, listen: Listen, start: () => Server): Server {
  try {
    return start();
  } catch (error) {
    return cannotListen(name, listen, error);
  }
}

/** Always throws. */
export function cannotListen(name: string, { hostname, port }: Listen, error: unknown): never {
  const setting = `REALMGATE_${name}_LISTEN`;
  throw new Error(`${setting}: cannot listen on ${hostname}:${port} (in use?)`, { cause: error });
}
