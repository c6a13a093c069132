// The upstream's own host, for programs that refuse any other: what they hear of it, and what clients hear back.
import type { Route } from "../snapshot/snapshot.ts";

/** Address and port as a Host field, `10.0.3.7:5173`, `[2001:db8::7]:5173`. */
export function upstreamHost({ address, port }: Pick<Route, "address" | "port">): string {
  return `${address.urlHost}:${port}`;
}

/**
 * Sets Host. Origin and Referer follow where they name the client's own host, so that a program which compares them with Host
 * goes on to tell its own pages from others: those of another origin stay as they are.
 */
export function sayUpstreamHost(
  headers: Headers,
  clientHost: string,
  host: string,
  secure: boolean,
): void {
  headers.set("host", host);
  for (const name of ["origin", "referer"]) {
    const value = headers.get(name);
    const rest = value === null ? null : afterOrigin(value, clientHost);
    if (rest !== null) {
      headers.set(name, `${secure ? "https" : "http"}://${host}${rest}`);
    }
  }
}

/** Makes a redirect to the upstream's own host one to the client's: it cannot reach the other. */
export function sayClientHost(
  headers: Headers,
  clientHost: string,
  host: string,
  scheme: string,
): void {
  const location = headers.get("location");
  const rest = location === null ? null : afterOrigin(location, host);
  if (rest !== null) {
    headers.set("location", `${scheme}://${clientHost}${rest}`);
  }
}

/** What follows `http://host` or `https://host` in any letter case; null: the text names another origin. */
export function afterOrigin(text: string, host: string): string | null {
  const scheme = /^https?:\/\//i.exec(text)?.[0];
  if (scheme === undefined || host === "") {
    return null;
  }
  const end = scheme.length + host.length;
  const isHost = text.slice(scheme.length, end).toLowerCase() === host.toLowerCase();
  const rest = text.slice(end);
  return isHost && /^(?:$|[/?#])/.test(rest) ? rest : null;
}
