/** 32 bytes from canonical base64, padded or not; null for any other text, including one with surrounding white space. */
export function secretKeyFrom(base64: string): Buffer | null {
  const key = Buffer.from(base64, "base64");
  // Buffer.from skips characters that are not base64, so compare the text with the encoding of the decoded bytes.
  const padded = key.toString("base64");
  const canonical = base64 === padded || `${base64}=` === padded;
  return key.length === 32 && canonical ? key : null;
}
