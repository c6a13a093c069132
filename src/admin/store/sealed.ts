// Authenticated encryption of what lies at rest or must stay opaque: AES-256-GCM (NIST SP 800-38D).
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const nonceBytes = 12;
const tagBytes = 16;

/**
 * Seals bytes under one key. `context` says what the bytes are and whose (AAD): a sealed value moved to another row does
 * not open there. Random 96-bit nonces: good for 2^32 values under one key.
 */
export class SecretBox {
  readonly #key: Buffer;

  /** Throws when the key is not 32 bytes. `purpose` null: it is derived already. */
  constructor(master: Buffer, purpose: string | null) {
    if (master.length !== 32) throw new Error("a secret key has 32 bytes");
    this.#key = purpose === null ? master : deriveKey(master, purpose);
  }

  /** With a key that was derived for it elsewhere. */
  static withKey(key: Buffer): SecretBox {
    return new SecretBox(key, null);
  }

  seal(plain: Buffer, context: string): Buffer {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce);
    cipher.setAAD(Buffer.from(context));
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** Null when the bytes were not sealed by this box in this context. */
  open(sealed: Buffer, context: string): Buffer | null {
    if (sealed.length < nonceBytes + tagBytes) return null;
    const decipher = createDecipheriv("aes-256-gcm", this.#key, sealed.subarray(0, nonceBytes));
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
    try {
      return Buffer.concat([
        decipher.update(sealed.subarray(nonceBytes, sealed.length - tagBytes)),
        decipher.final(),
      ]);
    } catch {
      return null;
    }
  }
}

/** A key of its own for each purpose, so that no two uses share one (RFC 5869). */
export function deriveKey(master: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", master, "", `realmgate/${purpose}`, 32));
}
