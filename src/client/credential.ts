// Who calls, as the value of `Authorization`. The secrets live in closures: nothing that inspects a client can show them.

export interface Credential {
  /** The value of `Authorization` now; null: call as nobody. */
  authorization(): string | null;
  /**
   * Called once when `spent` was answered with TOKEN_EXPIRED or INVALID_TOKEN. True: `authorization` is worth another try.
   * Absent: there is nothing to renew.
   */
  renew?(spent: string): Promise<boolean>;
}

/** A session token or an auth token (`hdy_…`). Surrounding space, as files and pipes leave it, is taken off. */
export function bearer(token: string): Credential {
  const value = token.trim();
  if (!/^[\x21-\x7e]+$/.test(value)) throw new TypeError("a token is printable ASCII, no spaces");
  return { authorization: () => `Bearer ${value}` };
}

/** A user's name and password with every call (RFC 7617, UTF-8). A name has no colon. */
export function basic(username: string, password: string): Credential {
  if (username.includes(":")) throw new TypeError("a user name has no colon");
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  const value = btoa(String.fromCharCode(...bytes));
  return { authorization: () => `Basic ${value}` };
}

/** A text is a token. */
export function credentialOf(given: string | Credential | null | undefined): Credential {
  if (given === null || given === undefined) return nobody;
  return typeof given === "string" ? bearer(given) : given;
}

const nobody: Credential = { authorization: () => null };
