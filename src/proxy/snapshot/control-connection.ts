// How a node connects to control planes: where to, in plain text or with TLS, and what it shows of itself.
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import { type ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";

/** PEM. */
export interface FeedTls {
  /** Authorities; null: the system's. */
  readonly ca: Buffer | null;
  /** Of the node, at present; null: it has a token. */
  readonly pair: { readonly cert: string; readonly key: string } | null;
}

/** As a gRPC client takes it. */
export interface ControlConnection {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

/** Sent in place of an address, which must not be a server name (RFC 6066 §3). No host has it (RFC 6761 §6.4). */
const NAMELESS = "address.invalid";

/** `url`: `unix:PATH`, `http://HOST:PORT` or `https://HOST:PORT`. */
export function controlConnection(url: string, tls: FeedTls): ControlConnection {
  if (url.startsWith("unix:")) {
    return { target: url, credentials: credentials.createInsecure(), options: {} };
  }
  const { protocol, host, hostname, port } = new URL(url);
  const isSecure = protocol === "https:";
  const target = port === "" ? `${host}:${isSecure ? 443 : 80}` : host;
  if (!isSecure) return { target, credentials: credentials.createInsecure(), options: {} };
  const [ca, key, cert] = [tls.ca, bytesOf(tls.pair?.key), bytesOf(tls.pair?.cert)];
  const address = hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(address) === 0) {
    return { target, credentials: credentials.createSsl(ca, key, cert), options: {} };
  }
  const verified = credentials.createSsl(ca, key, cert, {
    checkServerIdentity: (_name, shown) => checkServerIdentity(address, shown),
  });
  return { target, credentials: verified, options: { "grpc.ssl_target_name_override": NAMELESS } };
}

function bytesOf(pem: string | undefined): Buffer | null {
  return pem === undefined ? null : Buffer.from(pem);
}
