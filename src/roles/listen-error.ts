// Reports an address that cannot be bound by the setting that names it.
import type { ListenAddress } from "../config/setting-readers.ts";

/** Runs `start`; turns its failure into an error that names `REALMGATE_<name>_LISTEN`. */
export function withListenError<Server>(
  name: string,
  listen: ListenAddress,
  start: () => Server,
): Server {
  try {
    return start();
  } catch (error) {
    return throwListenError(name, listen, error);
  }
}

/** Always throws. */
export function throwListenError(
  name: string,
  { hostname, port }: ListenAddress,
  error: unknown,
): never {
  const setting = `REALMGATE_${name}_LISTEN`;
  throw new Error(`${setting}: cannot listen on ${hostname}:${port} (in use?)`, { cause: error });
}
