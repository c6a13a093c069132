// How certificates of https-PORT upstreams are verified: not at all, with the system's authorities, or with a file of authorities.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { getCACertificates } from "node:tls";
import { CERTIFICATE_PEM } from "../proxy/edge/tls/key-pair.ts";
import type { UpstreamTls } from "../proxy/upstream/tls.ts";
import type { Report } from "./setting.ts";

/** `off`, `on`, or the path of a file with certificates in PEM, which is read now. */
export function readUpstreamTls(text: string, report: Report): UpstreamTls {
  if (text === "off") return "off";
  if (text === "on") {
    if (getCACertificates("system").length > 0) return "system";
    report(
      "is on, but this machine has no certificate authorities: install ca-certificates, or name a file",
    );
    return "off";
  }
  const path = resolve(text);
  try {
    const ca = readFileSync(path, "utf8");
    const authorities = (ca.match(CERTIFICATE_PEM) ?? []).map((each) => new X509Certificate(each));
    if (authorities.length > 0) return { ca };
    report(`must be off, on, or a file of certificates in PEM: ${path} has none`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    report(
      `must be off, on, or a file of certificates in PEM: ${path} cannot be used (${code ?? "broken"})`,
    );
  }
  return "off";
}
