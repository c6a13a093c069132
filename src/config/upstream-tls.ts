// Whose certificates are believed on https-PORT: nobody's is looked at, the system's authorities, or a file of authorities.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { getCACertificates } from "node:tls";
import { CERTIFICATE_PEM } from "../proxy/edge/tls/key-pair.ts";
import type { UpstreamTls } from "../proxy/upstream/tls.ts";

/** `off`, `on`, or the path of a file with certificates in PEM, read now. */
export function readUpstreamTls(text: string, fail: (problem: string) => void): UpstreamTls {
  if (text === "off") return "off";
  if (text === "on") {
    if (getCACertificates("system").length > 0) return "system";
    fail("is on, and this machine knows no authorities: install ca-certificates, or name a file");
    return "off";
  }
  const path = resolve(text);
  try {
    const ca = readFileSync(path, "utf8");
    const authorities = (ca.match(CERTIFICATE_PEM) ?? []).map((each) => new X509Certificate(each));
    if (authorities.length > 0) return { ca };
    fail(`must be off, on, or a file of certificates in PEM: ${path} has none`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    fail(`must be off, on, or a file of certificates in PEM: ${path} is not (${code ?? "broken"})`);
  }
  return "off";
}
