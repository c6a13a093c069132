import { createHmac, timingSafeEqual, verify } from "node:crypto";
import type { CompactToken } from "./compact-token.ts";
import type { JwtKey } from "./jwt-key.ts";

/**
 * Whether a token is signed with this key (RFC 7515 §5.2). The algorithm is the key's, never the token's. A key that cannot be used
 * verifies nothing. Never throws.
 */
export function isSignedWith(
  { signingInput, signature }: CompactToken,
  { material, algorithm, signatureBytes }: JwtKey,
): boolean {
  if (signature.length !== signatureBytes) {
    return false;
  }
  if (material instanceof Uint8Array) {
    const expected = createHmac("sha256", material).update(signingInput).digest();
    return algorithm === "HS256" && timingSafeEqual(expected, signature);
  }
  try {
    // RFC 7518 §3.4: r and s side by side; RSA (§3.3) does not read the encoding.
    const key = { key: material, dsaEncoding: "ieee-p1363" } as const;
    return algorithm !== "HS256" && verify("sha256", Buffer.from(signingInput), key, signature);
  } catch {
    return false;
  }
}
