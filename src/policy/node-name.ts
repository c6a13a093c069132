// How a certificate names a node of the installation: by a URI among its alternative names (RFC 5280 §4.2.1.6).
import type { X509Certificate } from "node:crypto";

const NODE_URI = /^URI:realmgate:node\/([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)$/;

/** Of `URI:realmgate:node/NAME`. Null: it names no node, or several. */
export function nodeNameIn({
  subjectAltName,
}: Pick<X509Certificate, "subjectAltName">): string | null {
  // A value with a comma or a quote comes in quotes, so that none can hold another name.
  const names = (subjectAltName ?? "")
    .split(", ")
    .flatMap((each) => NODE_URI.exec(each)?.[1] ?? []);
  const [name] = names;
  return names.length === 1 && name !== undefined ? name : null;
}
