import { createPublicKey, type KeyObject } from "node:crypto";
import { isPublicKeyText } from "./public-key-text.ts";

export type JwtAlgorithm = "HS256" | "RS256" | "ES256";

/** What a token is verified with. Keys with equal `id` are equal. */
export interface JwtKey {
  readonly id: string;
  readonly algorithm: JwtAlgorithm;
  readonly material: Uint8Array | KeyObject;
  /** Length of its signatures: a token with another length is signed with another key. */
  readonly signatureBytes: number;
}

/** A key and its weakness, if any; or why the text is not a key. */
export type ParsedJwtKey =
  | { readonly ok: true; readonly key: JwtKey; readonly weakness?: string }
  | { readonly ok: false; readonly reason: string };

/** RFC 7518 §3.2: an HS256 key should be as long as its hash. */
const hs256BytesMin = 32;
/** RFC 7518 §3.3. */
const rsaBitsMin = 2048;
/** The work of one verification grows with the square of the modulus. */
const rsaBitsMax = 4096;

/** RFC 7518 §3.2 and §3.4; for RSA it is the length of the modulus (§3.3). */
const hs256SignatureBytes = 32;
const es256SignatureBytes = 64;

const PUBLIC_KEY_PEM =
  /^\s*-----BEGIN PUBLIC KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END PUBLIC KEY-----\s*$/;

/** What each algorithm makes of a group's `secret`: one entry decides, nothing deeper compares algorithm names. */
const PARSERS = {
  HS256: parseSharedSecret,
  RS256: (secret) => parsePublicKey("RS256", secret, rsaProblem),
  ES256: (secret) => parsePublicKey("ES256", secret, p256Problem),
} as const satisfies Record<JwtAlgorithm, (secret: string) => ParsedJwtKey>;

export function isJwtAlgorithm(name: string): name is JwtAlgorithm {
  return Object.hasOwn(PARSERS, name);
}

/** Reads the `secret` of a jwt group: a shared secret, or a public key as PEM (SPKI). Never throws. */
export function parseJwtKey(algorithm: JwtAlgorithm, secret: string): ParsedJwtKey {
  return PARSERS[algorithm](secret);
}

/**
 * A public key under HS256 is a forgotten `algorithm` (HS256 is the default): who knows the key, which everybody may, could
 * sign with it.
 */
function parseSharedSecret(secret: string): ParsedJwtKey {
  if (isPublicKeyText(secret)) {
    return {
      ok: false,
      reason:
        "is a public key, not a shared secret; set algorithm to RS256 or ES256, with the key as PEM",
    };
  }
  const material = new TextEncoder().encode(secret);
  const key: JwtKey = {
    id: `HS256:${secret}`,
    algorithm: "HS256",
    material,
    signatureBytes: hs256SignatureBytes,
  };
  return material.length < hs256BytesMin
    ? {
        ok: true,
        key,
        weakness: `the HS256 secret has ${material.length} bytes; use at least ${hs256BytesMin}`,
      }
    : { ok: true, key };
}

function parsePublicKey(
  algorithm: JwtAlgorithm,
  pem: string,
  problemOf: (key: KeyObject) => string | undefined,
): ParsedJwtKey {
  if (!PUBLIC_KEY_PEM.test(pem)) {
    return { ok: false, reason: 'must be one PEM block "BEGIN PUBLIC KEY"' };
  }
  try {
    const material = createPublicKey({ key: pem, format: "pem", type: "spki" });
    const problem = problemOf(material);
    if (problem !== undefined) {
      return { ok: false, reason: problem };
    }
    const der = material.export({ format: "der", type: "spki" }).toString("base64");
    const bits = material.asymmetricKeyDetails?.modulusLength;
    const signatureBytes = bits === undefined ? es256SignatureBytes : Math.ceil(bits / 8);
    return { ok: true, key: { id: `${algorithm}:${der}`, algorithm, material, signatureBytes } };
  } catch {
    return { ok: false, reason: "is not a readable public key" };
  }
}

function rsaProblem(key: KeyObject): string | undefined {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== "rsa") {
    return "must be an RSA key (required by RS256)";
  }
  return bits < rsaBitsMin || bits > rsaBitsMax
    ? `has ${bits} bits; RS256 takes ${rsaBitsMin} to ${rsaBitsMax}`
    : undefined;
}

function p256Problem(key: KeyObject): string | undefined {
  const p256 =
    key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
  return p256 ? undefined : "must be a P-256 key (required by ES256)";
}
