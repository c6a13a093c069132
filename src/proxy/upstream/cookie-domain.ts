// Cookies stay with the host that set them: all containers share a parent domain that a program must not set cookies for, nor
// clear those of.
import { hostName } from "../routing/host.ts";

const DOMAIN = "domain";
export const CLEAR_SITE_DATA = "clear-site-data";

/** Of Clear-Site-Data: every kind of data, or cookies. */
const CLEARS_COOKIES: ReadonlySet<string> = new Set(['"*"', '"cookies"']);
/** What `"*"` stands for besides. */
const OF_ONE_ORIGIN = ["cache", "clientHints", "executionContexts", "storage"];

/**
 * A Clear-Site-Data field that clears no cookies: browsers clear those of the whole registrable domain, neighbours' included (Clear
 * Site Data, §3.1). The field itself where it would clear none; null: nothing is left of it.
 */
export function confinedSiteData(value: string): string | null {
  const kinds = value.split(",").map((kind) => kind.trim());
  const kept = kinds.filter((kind) => !CLEARS_COOKIES.has(visible(kind).toLowerCase()));
  if (kept.length === kinds.length) return value;
  const isAll = kinds.some((kind) => visible(kind) === '"*"');
  const left = isAll ? OF_ONE_ORIGIN.map((kind) => `"${kind}"`) : kept;
  return left.length === 0 ? null : left.join(", ");
}

/**
 * Removes the Domain attribute from every Set-Cookie (RFC 6265 §5.2.3), unless it names the client's own host: a browser then
 * keeps the cookie for that host alone; and what clears cookies from Clear-Site-Data. `host`: the client's Host field; null when absent.
 */
export function confineCookies(headers: Headers, host: string | null): void {
  const cleared = headers.get(CLEAR_SITE_DATA);
  const left = cleared === null ? null : confinedSiteData(cleared);
  if (left !== null) {
    headers.set(CLEAR_SITE_DATA, left);
  } else if (cleared !== null) {
    headers.delete(CLEAR_SITE_DATA);
  }
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
