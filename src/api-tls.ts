// Certificate and key of the API's listeners: read, and checked against each other, when the settings are.
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

export interface ApiTls {
  /** The certificate and those that lead to its authority, as PEM. */
  readonly cert: string;
  /** Its private key as PEM, not encrypted. */
  readonly key: string;
}

const certSetting = "REALMGATE_API_TLS_CERT";
const keySetting = "REALMGATE_API_TLS_KEY";

type Fail = (setting: typeof certSetting | typeof keySetting, problem: string) => void;

/** Null when neither path is said, or when something is wrong, which is reported by the setting it is about. */
export function readApiTls(certPath: string, keyPath: string, fail: Fail): ApiTls | null {
  if (certPath === "" && keyPath === "") return null;
  if (certPath === "") fail(certSetting, `must be set, too: ${keySetting} is`);
  if (keyPath === "") fail(keySetting, `must be set, too: ${certSetting} is`);
  const cert = certPath === "" ? null : readPem(certPath, (problem) => fail(certSetting, problem));
  const key = keyPath === "" ? null : readPem(keyPath, (problem) => fail(keySetting, problem));
  const certificate = cert === null ? null : parseCertificates(cert);
  const privateKey = key === null ? null : parseKey(key);
  if (cert !== null && certificate === null) {
    fail(certSetting, `must be a file of certificates in PEM: ${certPath} is not`);
  }
  if (key !== null && privateKey === null) {
    fail(keySetting, `must be a file with a private key in PEM, not encrypted: ${keyPath} is not`);
  }
  if (cert === null || key === null || certificate === null || privateKey === null) return null;
  if (!certificate.checkPrivateKey(privateKey)) {
    fail(keySetting, `does not belong to the first certificate of ${certSetting}`);
    return null;
  }
  return { cert, key };
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

const certificatePem = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** The first of them; null when there is none, or one that is none. */
function parseCertificates(pem: string): X509Certificate | null {
  try {
    const [first] = (pem.match(certificatePem) ?? []).map((each) => new X509Certificate(each));
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
