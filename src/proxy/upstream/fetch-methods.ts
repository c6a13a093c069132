// Which methods fetch sends as they are.

/**
 * fetch sends a method that it does not know as GET and one in lower case as another in upper case (seen in Bun 1.4.5), so that the
 * program would get a request that nobody decided about. These it sends as they are; TRACE and CONNECT are never asked for.
 */
export const METHODS_SENT: ReadonlySet<string> = new Set([
  "ACL",
  "BIND",
  "CHECKOUT",
  "COPY",
  "DELETE",
  "GET",
  "HEAD",
  "LINK",
  "LOCK",
  "M-SEARCH",
  "MERGE",
  "MKACTIVITY",
  "MKCALENDAR",
  "MKCOL",
  "MOVE",
  "NOTIFY",
  "OPTIONS",
  "PATCH",
  "POST",
  "PROPFIND",
  "PROPPATCH",
  "PURGE",
  "PUT",
  "QUERY",
  "REBIND",
  "REPORT",
  "SEARCH",
  "SOURCE",
  "SUBSCRIBE",
  "UNBIND",
  "UNLINK",
  "UNLOCK",
  "UNSUBSCRIBE",
]);

/** Whether the method reaches the program as it is. */
export function isSentAsItIs(method: string): boolean {
  return METHODS_SENT.has(method);
}
