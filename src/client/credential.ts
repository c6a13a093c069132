// Credentials as values of `Authorization`. Closures hold the secrets, so inspecting a client does not show them.

export interface Credential {
  /** The value of `Authorization` now; null: none. */
  authorization(): string | null;
  /**
   * Called once when the server refused the value `spent` with TOKEN_EXPIRED or INVALID_TOKEN. True: retry with the new
   * `authorization`. Absent: the credential cannot be renewed.
   */
  renew?(spent: string): Promise<boolean>;
}

/** A session token or an auth token (`hdy_…`). Surrounding white space, as files and pipes leave it, is removed. Throws TypeError. */
export function bearer(token: string): Credential {
  const value = token.trim();
  if (!/^[\x21-\x7e]+$/.test(value)) throw new TypeError("a token is printable ASCII, no spaces");
  return { authorization: () => `Bearer ${value}` };
}

/** A user's name and password with every call (RFC 7617, UTF-8). Throws TypeError when the name has a colon. */
export function basic(username: string, password: string): Credential {
  if (username.includes(":")) throw new TypeError("a user name has no colon");
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  const value = btoa(String.fromCharCode(...bytes));
  return { authorization: () => `Basic ${value}` };
}

/** A text is a token; nothing: no credential. */
export function credentialOf(given: string | Credential | null | undefined): Credential {
  if (given === null || given === undefined) return anonymous;
  return typeof given === "string" ? bearer(given) : given;
}

const anonymous: Credential = { authorization: () => null };
