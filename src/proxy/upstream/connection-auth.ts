// Credentials that authenticate a connection instead of a request.

/** Schemes whose credentials are part of each request, in lower case (IANA HTTP Authentication Schemes, and others in wide use). */
const PER_REQUEST: ReadonlySet<string> = new Set([
  "basic",
  "bearer",
  "digest",
  "dpop",
  "hoba",
  "mutual",
  "vapid",
  "token",
  "apikey",
  "aws4-hmac-sha256",
  "hawk",
  "signature",
]);

/** Names of schemes that authenticate connections, wherever they stand: in lists, in joined lines. */
const PER_CONNECTION = /ntlm|negotiate|kerberos/i;

/**
 * Whether this Authorization may authenticate the connection that it is sent on, so that whoever gets that connection next is
 * answered as its sender (NTLM, and Negotiate: RFC 4559 §6). A scheme that is not known might.
 */
export function mayAuthenticateConnection(authorization: string | null): boolean {
  if (authorization === null) {
    return false;
  }
  const end = authorization.search(/[\s,]/);
  const scheme = end === -1 ? authorization : authorization.slice(0, end);
  return (
    !PER_REQUEST.has(scheme.toLowerCase()) ||
    (authorization.includes(",") && PER_CONNECTION.test(authorization))
  );
}
