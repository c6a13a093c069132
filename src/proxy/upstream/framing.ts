/** The runtime joins lines of one name; it lets equal lengths pass, but they are no length to hand on. */
export function hasTwoLengths(headers: Headers): boolean {
  return headers.get("content-length")?.includes(",") ?? false;
}

/**
 * Whether an upstream's answer says in two ways where its body ends, or with a transfer coding besides `chunked`, which the
 * runtime would leave in the body (RFC 9112 §6.1, §6.3). What follows such an answer on its connection is anybody's guess.
 */
export function isAmbiguous(headers: Headers): boolean {
  const coding = headers.get("transfer-encoding");
  return coding === null
    ? hasTwoLengths(headers)
    : headers.has("content-length") || coding.toLowerCase() !== "chunked";
}
