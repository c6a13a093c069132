// Which node a client's certificate stands for, and until when.
import type { PeerCertificate } from "../../guard/peer-certificate.ts";
import { nodeNameIn } from "../../policy/node-name.ts";

export interface NodeCertificate {
  readonly name: string;
  /** Unix milliseconds. */
  readonly notBeforeMs: number;
  /** Unix milliseconds. */
  readonly notAfterMs: number;
}

export type ReadNodeCertificate = NodeCertificate | { readonly problem: string };

/** OpenSSL's words for what is not the chain's fault. */
const OTHER_PROBLEMS: Readonly<Record<string, string>> = {
  INVALID_PURPOSE:
    "its certificate, or one of its chain, is not for this: have one made with extendedKeyUsage clientAuth",
};
const DATE_PROBLEMS = new Set(["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"]);

/** Says what to do where it stands for none. */
export function readNodeCertificate(
  { certificate, problem }: PeerCertificate,
  nowMs: number,
): ReadNodeCertificate {
  const [notBeforeMs, notAfterMs] = [certificate.validFrom, certificate.validTo].map(Date.parse);
  // Not negated: what is no date must not pass.
  const isCurrent = Number(notBeforeMs) <= nowMs && nowMs < Number(notAfterMs);
  if (!isCurrent || notBeforeMs === undefined || notAfterMs === undefined) {
    return { problem: datesProblem(certificate.validFrom, certificate.validTo) };
  }
  if (problem !== null) {
    return { problem: OTHER_PROBLEMS[problem] ?? chainProblem(problem) };
  }
  const name = nodeNameIn(certificate);
  if (name === null) {
    const wanted = "its SAN must have one URI:realmgate:node/NAME, with the name of the node";
    return { problem: `its certificate names no node: ${wanted}` };
  }
  return { name, notBeforeMs, notAfterMs };
}

/** Of a certificate that was valid when its connection began. Null: it still is. */
export function expiry({ name, notAfterMs }: NodeCertificate, nowMs: number): string | null {
  if (nowMs < notAfterMs) return null;
  const ended = new Date(notAfterMs).toISOString();
  return `the certificate of node ${name} ended at ${ended}: renew it`;
}

/** A revoked node's certificate must not stand for a new node that got its name. Null: it was made after the node. */
export function ageProblem(
  { name, notBeforeMs }: NodeCertificate,
  createdAt: string,
): string | null {
  // A certificate knows no milliseconds.
  const createdMs = Math.floor(Date.parse(createdAt) / 1000) * 1000;
  if (notBeforeMs >= createdMs) return null;
  const [from, created] = [notBeforeMs, createdMs].map((ms) => new Date(ms).toISOString());
  return `its certificate begins at ${from}, before node ${name} was made (${created}): have one made now, as it may be that of a revoked node of this name`;
}

function datesProblem(from: string, to: string): string {
  return `its certificate is valid from ${from} to ${to}, and not now: renew it`;
}

function chainProblem(code: string): string {
  if (DATE_PROBLEMS.has(code))
    return `a certificate of its chain is not valid now (${code}): renew it`;
  return `its certificate is not of an authority in REALMGATE_NODE_CA (${code}): have that one make it, and put those between them into the file, too`;
}
