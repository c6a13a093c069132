import type { ListenAddress } from "../config/setting-readers.ts";

/** The URL of a listener. */
export function urlOf({ hostname, port }: ListenAddress, scheme = "http"): string {
  return `${scheme}://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
