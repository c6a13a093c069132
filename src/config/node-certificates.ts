// Certificates of nodes in settings: what a node shows, and the authorities that a control plane takes them from.
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { nodeNameIn } from "../policy/node-name.ts";
import { CERTIFICATE_PEM } from "../proxy/edge/tls/key-pair.ts";
import { type KeyPairFiles, readKeyPairSettings } from "./key-pair.ts";

type ReportSetting = (name: string, problem: string) => void;

interface NodeCertificatePaths {
  /** Empty: unset. */
  readonly certPath: string;
  readonly keyPath: string;
}

/** Null: none is set, or there was a problem. */
export function readNodeCertificateSettings(
  { certPath, keyPath }: NodeCertificatePaths,
  report: ReportSetting,
): KeyPairFiles | null {
  const settings = { certSetting: "REALMGATE_NODE_CERT", keySetting: "REALMGATE_NODE_KEY" };
  const files = readKeyPairSettings({ ...settings, certPath, keyPath }, report);
  if (files === null || nodeOfPair(files.pair) !== null) return files;
  report("REALMGATE_NODE_CERT", NAMELESS);
  return null;
}

/** What a certificate lacks that names no node. */
export const NAMELESS =
  "names no node: its SAN must have one URI:realmgate:node/NAME, with the name from realmgate nodes create";

/** The node that the first certificate of a pair names. Null: none, or several. */
export function nodeOfPair({ cert }: Pick<KeyPairFiles["pair"], "cert">): string | null {
  const [first] = certificatesIn(cert);
  return first === undefined ? null : nodeNameIn(new X509Certificate(first));
}

/** Each as PEM. Null: unset, or there was a problem. */
export function readNodeAuthorities(path: string, report: ReportSetting): readonly string[] | null {
  if (path === "") return null;
  const name = "REALMGATE_NODE_CA";
  try {
    const found = certificatesIn(readFileSync(path, "utf8"));
    const authorities = found.map((each) => new X509Certificate(each));
    const stranger = authorities.find(({ ca }) => !ca);
    if (authorities.length === 0)
      report(name, `must be a file of certificates in PEM: ${path} has none`);
    else if (stranger !== undefined) {
      report(
        name,
        `has ${nameOf(stranger)}, which is no authority (basicConstraints CA:TRUE): put that which made it there`,
      );
    } else if (!authorities.some((each) => each.checkIssued(each))) {
      // OpenSSL's verification takes a chain only when it ends at such a one.
      report(
        name,
        `has none that signs itself: put the authority that made ${authorities.map(nameOf).join(" and ")} there, too`,
      );
    } else return found;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    report(
      name,
      `must be a file of certificates in PEM: ${path} cannot be used (${code ?? "broken"})`,
    );
  }
  return null;
}

/** Whether there are any, and all of them can be read. */
export function holdsCertificates(pem: string): boolean {
  try {
    const found = certificatesIn(pem);
    for (const each of found) new X509Certificate(each);
    return found.length > 0;
  } catch {
    return false;
  }
}

function certificatesIn(pem: string): readonly string[] {
  return pem.match(CERTIFICATE_PEM) ?? [];
}

/** On one line. */
function nameOf({ subject }: X509Certificate): string {
  return subject.replaceAll("\n", ", ");
}
