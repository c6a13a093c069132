import { createHmac, generateKeyPairSync, sign } from "node:crypto";

/** Keys that random documents name and random requests sign with: two of each kind, so that wrong ones occur. */
export interface SigningKey {
  algorithm: "HS256" | "RS256" | "ES256";
  /** What a group's `secret` says. */
  secret: string;
  sign(text: string): Buffer;
}

function shared(secret: string): SigningKey {
  return {
    algorithm: "HS256",
    secret,
    sign: (text) => createHmac("sha256", secret).update(text).digest(),
  };
}

function rsa(): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    algorithm: "RS256",
    secret: publicKey.export({ format: "pem", type: "spki" }).toString(),
    sign: (text) => sign("sha256", Buffer.from(text), privateKey),
  };
}

function p256(): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    algorithm: "ES256",
    secret: publicKey.export({ format: "pem", type: "spki" }).toString(),
    sign: (text) =>
      sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" }),
  };
}

export const signingKeys: readonly SigningKey[] = [
  shared("s"),
  shared("a shared secret of thirty-two b."),
  rsa(),
  rsa(),
  p256(),
  p256(),
];

/** A compact JWS over texts that need not be JSON. Signed once for equal texts, for RSA is slow. */
export function signed(key: SigningKey, header: string, claims: string): string {
  const text = `${base64url(header)}.${base64url(claims)}`;
  const place = `${signingKeys.indexOf(key)} ${text}`;
  const known = tokens.get(place) ?? `${text}.${key.sign(text).toString("base64url")}`;
  tokens.set(place, known);
  return known;
}

const tokens = new Map<string, string>();

function base64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}
