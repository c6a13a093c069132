/** Percent-encodes the bytes of whatever matches (RFC 3986 §2.1). `encoding`: how its characters become bytes. */
export function percentEncoded(
  text: string,
  matching: RegExp,
  encoding: "latin1" | "utf8",
): string {
  return text.replace(matching, (part) =>
    Buffer.from(part, encoding).toString("hex").toUpperCase().replace(/../g, "%$&"),
  );
}
