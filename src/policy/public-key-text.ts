// Texts that are public keys: none may be a shared secret, for whoever knows the key could sign with it.
import { createPublicKey } from "node:crypto";

const PEM_START = "-----BEGIN ";
/** RFC 4253 §6.6 and RFC 5656 §3.1: the name of a kind of key, then its bytes in base64. */
const OPENSSH = /(?:^|\s)(?:sk-)?(?:ssh-[a-z0-9]+|ecdsa-sha2-[a-z0-9-]+)(?:@openssh\.com)? AAAA/;
const BASE64 = /^[A-Za-z0-9+/_-]{64,}={0,2}$/;
/** RFC 7518 §6.1, RFC 8037 §2: kinds of asymmetric keys. */
const ASYMMETRIC: ReadonlySet<unknown> = new Set(["RSA", "EC", "OKP"]);

/** Whether a text is or has a key pair's key: a PEM, also in base64; DER in base64; a JWK or a set of them; OpenSSH. Never throws. */
export function isPublicKeyText(text: string): boolean {
  return text.includes(PEM_START) || OPENSSH.test(text) || isJwk(text) || isInBase64(text);
}

function isInBase64(text: string): boolean {
  const packed = text.replace(/\s+/g, "");
  if (!BASE64.test(packed)) return false;
  const bytes = Buffer.from(packed, "base64");
  return bytes.includes(PEM_START) || isDer(bytes, "spki") || isDer(bytes, "pkcs1");
}

/** Tag of a sequence (X.690 §8.9), which every key is. */
const SEQUENCE = 0x30;

function isDer(key: Buffer, type: "spki" | "pkcs1"): boolean {
  if (key[0] !== SEQUENCE) return false;
  try {
    return createPublicKey({ key, format: "der", type }).type === "public";
  } catch {
    return false;
  }
}

/** RFC 7517 §4 and §5. */
function isJwk(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    const value: unknown = JSON.parse(text);
    const keys = Array.isArray(value) ? value : [value, ...listIn(value, "keys")];
    return keys.some((key) => ASYMMETRIC.has(fieldOf(key, "kty")));
  } catch {
    return false;
  }
}

function listIn(value: unknown, name: string): readonly unknown[] {
  const list = fieldOf(value, name);
  return Array.isArray(list) ? list : [];
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
