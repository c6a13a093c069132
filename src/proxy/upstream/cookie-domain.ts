// Cookies stay with the host that set them: all containers share a parent domain that a program must not set cookies for.
import { hostName } from "../routing/host.ts";

const DOMAIN = "domain";

/**
 * Removes the Domain attribute from every Set-Cookie (RFC 6265 §5.2.3), unless it names the client's own host: a browser then
 * keeps the cookie for that host alone. `host`: the client's Host field; null when absent.
 */
export function confineCookies(headers: Headers, host: string | null): void {
  if (headers.get("set-cookie") === null) {
    return;
  }
  const own = host === null ? null : hostName(host);
  const cookies = headers.getSetCookie();
  headers.delete("set-cookie");
  for (const cookie of cookies) {
    headers.append("set-cookie", confinedCookie(cookie, own));
  }
}

/** `host`: in lower case, without port. Attributes are separated by `;` even inside quotes, as browsers read them. */
export function confinedCookie(cookie: string, host: string | null): string {
  const [pair = "", ...attributes] = cookie.split(";");
  const kept = attributes.filter((attribute) => !isForeignDomain(attribute, host));
  return kept.length === attributes.length ? cookie : [pair, ...kept].join(";");
}

function isForeignDomain(attribute: string, host: string | null): boolean {
  const equals = attribute.indexOf("=");
  const name = equals === -1 ? attribute : attribute.slice(0, equals);
  if (visible(name).toLowerCase() !== DOMAIN) {
    return false;
  }
  // A missing value, quotes, a trailing dot and any letter beyond ASCII make it another text than the host.
  const value = equals === -1 ? "" : attribute.slice(equals + 1).replace(/^[ \t]+|[ \t]+$/g, "");
  return value.replace(/^\./, "").toLowerCase() !== host;
}

/** Without spaces, controls and what is not ASCII, wherever it stands: clients differ in what they trim. */
function visible(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, "");
}
