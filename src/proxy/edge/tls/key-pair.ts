// A certificate and its key as they lie in files: read, checked against each other, and what the certificate says of itself.
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

export interface KeyPairPaths {
  readonly certPath: string;
  readonly keyPath: string;
}

export interface KeyPair {
  /** The certificate and those that lead to its authority, as PEM. */
  readonly cert: string;
  /** Its private key as PEM, not encrypted. */
  readonly key: string;
  /** The names it vouches for, in lower case: `a.example.com`, `*.example.com` (RFC 5280 §4.2.1.6). */
  readonly names: readonly string[];
  /** Unix milliseconds from which it is valid no more. */
  readonly notAfterMs: number;
}

/** What is wrong, and with which of the two files. */
export interface KeyPairProblem {
  readonly file: "cert" | "key";
  readonly problem: string;
}

export type ReadKeyPair =
  | { readonly ok: true; readonly pair: KeyPair }
  | { readonly ok: false; readonly problems: readonly KeyPairProblem[] };

/** Reads both files; all problems at once. Whether the certificate is valid now is the caller's question. */
export function readKeyPair({ certPath, keyPath }: KeyPairPaths): ReadKeyPair {
  const problems: KeyPairProblem[] = [];
  const cert = readPem(certPath, (problem) => problems.push({ file: "cert", problem }));
  const key = readPem(keyPath, (problem) => problems.push({ file: "key", problem }));
  const certificate = cert === null ? null : parseCertificates(cert);
  const privateKey = key === null ? null : parseKey(key);
  if (cert !== null && certificate === null) {
    const problem = `must be a file of certificates in PEM: ${certPath} is not`;
    problems.push({ file: "cert", problem });
  }
  if (key !== null && privateKey === null) {
    const problem = `must be a file with a private key in PEM, not encrypted: ${keyPath} is not`;
    problems.push({ file: "key", problem });
  }
  if (cert === null || key === null || certificate === null || privateKey === null) {
    return { ok: false, problems };
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    problems.push({ file: "key", problem: "does not belong to the first certificate" });
    return { ok: false, problems };
  }
  const notAfterMs = Date.parse(certificate.validTo);
  return { ok: true, pair: { cert, key, names: dnsNames(certificate), notAfterMs } };
}

function readPem(path: string, fail: (problem: string) => void): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    fail(`cannot be read: ${path} (${code ?? "unknown error"})`);
    return null;
  }
}

export const CERTIFICATE_PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The first one; null when there is none, or any of them is malformed. */
function parseCertificates(pem: string): X509Certificate | null {
  try {
    const [first] = (pem.match(CERTIFICATE_PEM) ?? []).map((each) => new X509Certificate(each));
    return first ?? null;
  } catch {
    return null;
  }
}

function parseKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

/** A name that needs quotes there is not a host name. */
function dnsNames({ subjectAltName }: X509Certificate): string[] {
  return (subjectAltName ?? "")
    .split(", ")
    .filter((name) => name.startsWith("DNS:"))
    .map((name) => name.slice("DNS:".length).toLowerCase())
    .filter((name) => /^(\*\.)?[a-z0-9.-]+$/.test(name));
}

/** Which hosts a certificate vouches for. A `*` stands for exactly one label, the first (RFC 9525 §6.3). */
export class CertificateNames {
  readonly #names: ReadonlySet<string>;

  constructor(names: readonly string[]) {
    this.#names = new Set(names);
  }

  /** `host`: in lower case, without port and trailing dot. */
  cover(host: string): boolean {
    const dot = host.indexOf(".");
    return this.#names.has(host) || (dot > 0 && this.#names.has(`*${host.slice(dot)}`));
  }
}
