// Authenticated encryption of what lies at rest or must stay opaque: AES-256-GCM (NIST SP 800-38D).
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const nonceBytes = 12;
const tagBytes = 16;

/** What seals the values of a database. */
export interface ValueBox {
  seal(plain: Buffer, context: string): Buffer;
  /** Null: no key of this box sealed these bytes in this context. */
  open(sealed: Buffer, context: string): Buffer | null;
  /** Whether they are as this box would seal them now; those that are not have to be sealed anew before a key may go. */
  isCurrent(sealed: Buffer, context: string): boolean;
  /** From now on seals as this value was sealed, whichever key comes first. False: with none of the keys, and nothing changes. */
  sealAs(sealed: Buffer, context: string): boolean;
  /** Ids of the keys that it has, which say nothing of them. */
  readonly keyIds: readonly string[];
}

/**
 * Seals bytes with the first of its keys and opens with any. `context` says what the bytes are and whose (AAD): a sealed value
 * moved to another row does not open there. Random 96-bit nonces: good for 2^32 values under one key.
 */
export class SecretBox implements ValueBox {
  readonly #keys: () => readonly Buffer[];

  /** Throws when the key is not 32 bytes. `purpose` null: it is derived already. */
  constructor(master: Buffer, purpose: string | null);
  /** With derived keys that may be others later. */
  constructor(keys: () => readonly Buffer[]);
  constructor(given: Buffer | (() => readonly Buffer[]), purpose: string | null = null) {
    if (typeof given === "function") {
      this.#keys = given;
      return;
    }
    if (given.length !== 32) throw new Error("a secret key has 32 bytes");
    const keys = [purpose === null ? given : deriveKey(given, purpose)];
    this.#keys = () => keys;
  }

  /** With a key that was derived for it elsewhere. */
  static withKey(key: Buffer): SecretBox {
    return new SecretBox(key, null);
  }

  get keyIds(): readonly string[] {
    return [];
  }

  seal(plain: Buffer, context: string): Buffer {
    const [key] = this.#keys();
    if (key === undefined) throw new Error("there is no secret key");
    return sealWith(key, plain, Buffer.from(context));
  }

  open(sealed: Buffer, context: string): Buffer | null {
    const aad = Buffer.from(context);
    for (const key of this.#keys()) {
      const plain = openWith(key, sealed, aad);
      if (plain !== null) return plain;
    }
    return null;
  }

  isCurrent(sealed: Buffer, context: string): boolean {
    const [key] = this.#keys();
    return key !== undefined && openWith(key, sealed, Buffer.from(context)) !== null;
  }

  sealAs(sealed: Buffer, context: string): boolean {
    return this.isCurrent(sealed, context);
  }
}

/** Answers nonce, cipher text and tag. */
export function sealWith(key: Buffer, plain: Buffer, aad: Buffer): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(aad);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Null: another key sealed it, with other data beside it, or it was changed. */
export function openWith(key: Buffer, sealed: Buffer, aad: Buffer): Buffer | null {
  if (sealed.length < nonceBytes + tagBytes) return null;
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, nonceBytes));
  decipher.setAAD(aad);
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

/** A key of its own for each purpose, so that no two uses share one (RFC 5869). */
export function deriveKey(master: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", master, "", `realmgate/${purpose}`, 32));
}
