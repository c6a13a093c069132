// Error thrown by fetch → NetworkError. Bun, Node and browsers each report failures differently.
import { NetworkError, type NetworkErrorKind } from "./errors.ts";

/** Codes of Node (on `cause`) and Bun (on the error itself). Browsers give none: `other`. */
const kinds: ReadonlyMap<string, NetworkErrorKind> = new Map([
  ["ENOTFOUND", "dns"],
  ["EAI_AGAIN", "dns"],
  ["EAI_NODATA", "dns"],
  ["DNSResolveFailed", "dns"],
  ["ECONNREFUSED", "refused"],
  ["ConnectionRefused", "refused"],
  ["FailedToOpenSocket", "refused"],
  ["CERT_HAS_EXPIRED", "certificate"],
  ["CERT_NOT_YET_VALID", "certificate"],
  ["CERT_SIGNATURE_FAILURE", "certificate"],
  ["CERT_REVOKED", "certificate"],
  ["CERT_UNTRUSTED", "certificate"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "certificate"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "certificate"],
  ["UNABLE_TO_GET_ISSUER_CERT", "certificate"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "certificate"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "certificate"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "certificate"],
  ["ETIMEDOUT", "timeout"],
  ["UND_ERR_CONNECT_TIMEOUT", "timeout"],
  ["UND_ERR_HEADERS_TIMEOUT", "timeout"],
  ["UND_ERR_BODY_TIMEOUT", "timeout"],
]);

/** `stopped`: whether our timeout or the caller's signal ended the call. */
export function networkFailure(
  thrown: unknown,
  url: string,
  stopped: "timeout" | "aborted" | null,
): NetworkError {
  const { origin, hostname } = new URL(url);
  const code = codeOf(thrown);
  const kind = stopped ?? kinds.get(code) ?? "other";
  return new NetworkError(kind, origin, sentences[kind](origin, hostname, code), thrown);
}

/** Usual cause of a code of Bun or OpenSSL, as a further sentence. */
const guesses: ReadonlyMap<string, string> = new Map([
  ["EPROTO", " Does it speak plain http://?"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", " Does it speak plain http://?"],
  ["Malformed_HTTP_Response", " Is that the gRPC port, or does it want https://?"],
]);

const sentences = {
  dns: (_origin, hostname) =>
    hostname.endsWith(".localhost")
      ? `This runtime does not resolve ${hostname}: put it into the hosts file as 127.0.0.1.`
      : `The host ${hostname} is not known: check the name and the network.`,
  refused: (origin) => `Nothing listens at ${origin}: is the server running there?`,
  certificate: (origin, _hostname, code) =>
    `The certificate of ${origin} does not verify (${code}).`,
  timeout: (origin) => `${origin} did not answer in time.`,
  aborted: (origin) => `The call to ${origin} was aborted.`,
  other: (origin, _hostname, code) =>
    `The connection to ${origin} failed${code === "" ? "" : ` (${code})`}.${guesses.get(code) ?? ""}`,
} satisfies Record<NetworkErrorKind, (origin: string, hostname: string, code: string) => string>;

/** The first code on the error, its causes, or the errors that an AggregateError holds (one for each address tried). */
function codeOf(thrown: unknown, depth = 0): string {
  if (typeof thrown !== "object" || thrown === null || depth > 4) return "";
  const { code, cause, errors } = thrown as { code?: unknown; cause?: unknown; errors?: unknown };
  if (typeof code === "string" && code !== "") return code;
  const gathered = Array.isArray(errors) ? errors : [];
  for (const each of [cause, ...gathered]) {
    const found = codeOf(each, depth + 1);
    if (found !== "") return found;
  }
  return "";
}
