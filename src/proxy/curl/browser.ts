/**
 * Whether a browser asks for this because a page embeds or fetches it, not because a person opens it. Any page may do that, and
 * a call has what its reader's address allows: what needs a click must not be done without one. Clients that are no browsers
 * say nothing of it (W3C Fetch Metadata), nor do browsers over plain HTTP.
 */
export function isEmbedded(headers: Headers): boolean {
  if (headers.get("sec-purpose") !== null || headers.get("purpose") === "prefetch") {
    return true;
  }
  const site = headers.get("sec-fetch-site");
  return (
    site !== null &&
    !(headers.get("sec-fetch-mode") === "navigate" && headers.get("sec-fetch-dest") === "document")
  );
}
