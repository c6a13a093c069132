// Certificates made on the spot, self-signed or signed by one of them: RFC 5280 §4.1, in DER by hand.
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

export interface Certificate {
  /** PEM; when it vouches for itself, it is its own authority, too. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface CertificateOptions {
  /** `localhost` unless said. */
  readonly names?: readonly string[];
  /** IPv4: 127.0.0.1 unless said. */
  readonly addresses?: readonly string[];
  /** Such as `realmgate:node/east-1`: none unless said. */
  readonly uris?: readonly string[];
  /** Unix milliseconds: an hour ago unless said. */
  readonly notBeforeMs?: number;
  /** Unix milliseconds: in a day unless said. */
  readonly notAfterMs?: number;
  /** Who vouches for it: itself unless said. */
  readonly issuer?: Certificate;
}

/** P-256, valid from an hour ago for a day. `names`: further hosts; `*.example.com` is all of one label. */
export function selfSigned(...names: readonly string[]): Certificate {
  return certificate({ names: ["localhost", ...names] });
}

/** P-256. All of them are called `localhost`, which is nobody's business but the issuer's. */
export function certificate(options: CertificateOptions = {}): Certificate {
  const { names = ["localhost"], addresses = ["127.0.0.1"], uris = [], issuer } = options;
  const { notBeforeMs = Date.now() - 3_600_000, notAfterMs = Date.now() + 86_400_000 } = options;
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const subject = (text: string) =>
    sequence(set(sequence(oid.commonName, der(0x0c, Buffer.from(text)))));
  const validity = sequence(time(notBeforeMs), time(notAfterMs));
  const hosts = sequence(
    ...names.map((name) => der(0x82, Buffer.from(name))),
    ...uris.map((uri) => der(0x86, Buffer.from(uri))),
    ...addresses.map((address) => der(0x87, Buffer.from(address.split(".").map(Number)))),
  );
  const extensions = sequence(
    sequence(
      oid.basicConstraints,
      octets(issuer === undefined ? sequence(der(0x01, Buffer.from([0xff]))) : sequence()),
    ),
    sequence(oid.subjectAltName, octets(hosts)),
  );
  const toSign = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    sequence(oid.ecdsaWithSha256),
    subject("localhost"),
    validity,
    subject(issuer === undefined ? "localhost" : "issued"),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, extensions),
  );
  const signature = sign("sha256", toSign, issuer === undefined ? privateKey : issuer.key);
  const signed = sequence(
    toSign,
    sequence(oid.ecdsaWithSha256),
    der(0x03, Buffer.concat([Buffer.from([0]), signature])),
  );
  return {
    cert: pem("CERTIFICATE", signed),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

const oid = {
  commonName: Buffer.from("0603550403", "hex"),
  basicConstraints: Buffer.from("0603551d13", "hex"),
  subjectAltName: Buffer.from("0603551d11", "hex"),
  ecdsaWithSha256: Buffer.from("06082a8648ce3d040302", "hex"),
} as const;

/** Tag, length in as few bytes as it takes, contents (X.690 §8.1, §10.1). */
function der(tag: number, ...contents: Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  const { length } = body;
  const long = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...(length < 0x80 ? [length] : long)]), body]);
}

function sequence(...contents: Buffer[]): Buffer {
  return der(0x30, ...contents);
}

function set(...contents: Buffer[]): Buffer {
  return der(0x31, ...contents);
}

function octets(...contents: Buffer[]): Buffer {
  return der(0x04, ...contents);
}

/** UTCTime, as it has to be until 2049 (RFC 5280 §4.1.2.5), of milliseconds since 1970. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return der(0x17, Buffer.from(digits.slice(2)));
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
