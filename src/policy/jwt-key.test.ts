import { describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { isJwtAlgorithm, type JwtAlgorithm, parseJwtKey } from "./jwt-key.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const rsa4608 = generateKeyPairSync("rsa", { modulusLength: 4608 });
const rsa1024 = generateKeyPairSync("rsa", { modulusLength: 1024 });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const spki = (key: KeyObject) => key.export({ format: "pem", type: "spki" }).toString();
const der = (key: KeyObject) => key.export({ format: "der", type: "spki" });
const pkcs1 = (key: KeyObject) => key.export({ format: "der", type: "pkcs1" });
const jwk = (key: KeyObject) => JSON.stringify(key.export({ format: "jwk" }));
const pkcs8 = (key: KeyObject) => key.export({ format: "pem", type: "pkcs8" }).toString();

describe("parseJwtKey", () => {
  test.each<[string, JwtAlgorithm, string]>([
    ["an RSA key of 2048 bits", "RS256", spki(rsa.publicKey)],
    ["a PEM with CRLF", "RS256", spki(rsa.publicKey).replaceAll("\n", "\r\n")],
    ["a PEM without its last line end", "ES256", spki(p256.publicKey).trim()],
    ["a P-256 key", "ES256", spki(p256.publicKey)],
    ["a shared secret", "HS256", "s"],
    [
      "random bytes in base64 as shared secret",
      "HS256",
      Buffer.alloc(294, "0x30").toString("base64"),
    ],
    [
      "a symmetric JWK as shared secret",
      "HS256",
      '{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}',
    ],
    ["half of an object as shared secret", "HS256", '{"kty":"RSA"'],
  ])("takes %s", (_, algorithm, secret) => {
    expect(parseJwtKey(algorithm, secret)).toMatchObject({ ok: true, key: { algorithm } });
  });

  test.each<[string, JwtAlgorithm, string]>([
    ["an RSA key above 4096 bits", "RS256", spki(rsa4608.publicKey)],
    ["an RSA key below 2048 bits", "RS256", spki(rsa1024.publicKey)],
    ["an RSA private key", "RS256", pkcs8(rsa.privateKey)],
    ["a PKCS#1 key", "RS256", rsa.publicKey.export({ format: "pem", type: "pkcs1" }).toString()],
    ["a certificate", "RS256", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
    ["an EC key for RS256", "RS256", spki(p256.publicKey)],
    ["an RSA key for ES256", "ES256", spki(rsa.publicKey)],
    ["a P-384 key", "ES256", spki(p384.publicKey)],
    ["an EC private key", "ES256", pkcs8(p256.privateKey)],
    ["two keys", "ES256", spki(p256.publicKey) + spki(p256.publicKey)],
    ["two RSA keys", "RS256", spki(rsa.publicKey) + spki(rsa.publicKey)],
    ["a key that is garbage inside", "RS256", spki(rsa.publicKey).replace(/\n.{20}/, "\nAAAA")],
    ["a key cut off", "RS256", spki(rsa.publicKey).slice(0, 200)],
    ["broken base64", "ES256", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"],
    ["a word", "RS256", "secret"],
    ["a PEM as shared secret", "HS256", spki(rsa.publicKey)],
    ["an indented PEM as shared secret", "HS256", ` \n${spki(rsa.publicKey)}`],
    ["a PEM behind a remark as shared secret", "HS256", `Bag Attributes\n${spki(rsa.publicKey)}`],
    ["a PEM in JSON as shared secret", "HS256", JSON.stringify(spki(p256.publicKey))],
    [
      "a PEM in base64 as shared secret",
      "HS256",
      Buffer.from(spki(p256.publicKey)).toString("base64"),
    ],
    ["a certificate as shared secret", "HS256", "x\n-----BEGIN CERTIFICATE-----\nAAAA\n"],
    ["the DER of an RSA key as shared secret", "HS256", der(rsa.publicKey).toString("base64")],
    ["the DER of an EC key as shared secret", "HS256", der(p384.publicKey).toString("base64url")],
    [
      "a DER in lines as shared secret",
      "HS256",
      der(rsa.publicKey).toString("base64").replace(/.{64}/g, "$&\n"),
    ],
    ["a PKCS#1 DER as shared secret", "HS256", pkcs1(rsa.publicKey).toString("base64")],
    ["a JWK of RSA as shared secret", "HS256", jwk(rsa.publicKey)],
    ["a JWK of EC as shared secret", "HS256", ` ${jwk(p256.publicKey)}`],
    ["a set of JWKs as shared secret", "HS256", `{"keys":[${jwk(rsa.publicKey)}]}`],
    ["a list of JWKs as shared secret", "HS256", `[${jwk(p256.publicKey)}]`],
    [
      "a key of OpenSSH as shared secret",
      "HS256",
      "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ me@host",
    ],
  ])("refuses %s", (_, algorithm, secret) => {
    expect(parseJwtKey(algorithm, secret).ok).toBe(false);
  });

  test.each([
    ["x".repeat(31), true],
    ["x".repeat(32), false],
    ["é".repeat(16), false],
  ])("says whether the secret %j is weak: %p", (secret, weak) => {
    const parsed = parseJwtKey("HS256", secret);
    expect(parsed.ok && parsed.weakness !== undefined).toBe(weak);
  });

  test("gives equal keys the same id, whatever their PEM looks like", () => {
    const pem = spki(p256.publicKey);
    const [a, b] = [pem, `\n${pem.replaceAll("\n", "\r\n")}`].map((text) =>
      parseJwtKey("ES256", text),
    );
    expect(a?.ok && a.key.id).toBe(b?.ok && b.key.id);
  });
});

test.each([
  ["HS256", true],
  ["hs256", false],
  ["none", false],
  ["constructor", false],
  ["", false],
])("isJwtAlgorithm(%j) is %p", (name, known) => {
  expect(isJwtAlgorithm(name)).toBe(known);
});
