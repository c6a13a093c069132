// Base URL of the API and of a realm in it. The leading label of the host, 24 hex digits, names the realm.

/** 24 lower-case hex digits. */
export const realmIdPattern = /^[0-9a-f]{24}$/;

/**
 * Normalizes a base URL: removes a trailing slash and `/api/v1`, keeps a path prefix. Throws TypeError when the text is not an
 * http(s) URL, or carries credentials, a query or a fragment.
 */
export function parseBaseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new TypeError(
      "the base URL must be an http:// or https:// URL, such as http://localhost:8080",
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError("the base URL must not carry credentials: pass them as `credential`");
  }
  if (url.search !== "" || url.hash !== "") {
    throw new TypeError("the base URL must not have a query or fragment");
  }
  url.pathname = url.pathname.replace(/\/+$/, "").replace(/\/api\/v1$/, "");
  return url;
}

/** Realm that the host names; null: none. */
export function realmOf(url: URL): string | null {
  const [label = ""] = url.hostname.split(".");
  return realmIdPattern.test(label) ? label : null;
}

/**
 * The same API in a realm: replaces a leading realm label or adds one; null removes it. Throws TypeError for a malformed realm,
 * and when the host is an IP address, which takes no labels.
 */
export function inRealm(base: URL, realm: string | null): URL {
  if (realm !== null && !realmIdPattern.test(realm)) {
    throw new TypeError("a realm is 24 lower-case hex digits");
  }
  if (realm === realmOf(base)) return base;
  if (isAddress(base.hostname)) {
    throw new TypeError(
      `a realm is a label of the host, and ${base.hostname} is an address: use a host name ` +
        `(for a server on this machine http://localhost:${base.port || "<port>"})`,
    );
  }
  const url = new URL(base);
  const parent =
    realmOf(base) === null ? base.hostname : base.hostname.slice(base.hostname.indexOf(".") + 1);
  url.hostname = realm === null ? parent : `${realm}.${parent}`;
  return url;
}

/** Whether a URL's hostname is an IP literal (WHATWG URL spells IPv4 in four parts, IPv6 in brackets). */
export function isAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d+(\.\d+){3}$/.test(hostname);
}
