// What the tests of the listener with TLS stand on: certificates in files, and clients of HTTP/1.1 and HTTP/2.
import { mkdtempSync, renameSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import type { ProxyTls } from "../../src/proxy/edge/listeners.ts";
import { readKeyPair } from "../../src/proxy/edge/tls/key-pair.ts";
import { type Certificate, certificate } from "./certificate.ts";
import { PARENT } from "./change-registry.ts";

export const WILDCARD = `*.${PARENT}`;

/** Files of a pair, in a folder of their own. */
export class PairFiles {
  readonly folder = mkdtempSync(join(tmpdir(), "realmgate-pair-"));
  readonly certPath = join(this.folder, "tls.crt");
  readonly keyPath = join(this.folder, "tls.key");

  /** Replaces them by renaming, key first. */
  write({ cert, key }: Certificate): void {
    for (const [path, text] of [
      [this.keyPath, key],
      [this.certPath, cert],
    ] as const) {
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
    }
  }

  /** For startProxy. */
  options(extra: Partial<ProxyTls> = {}): ProxyTls {
    const { certPath, keyPath } = this;
    const read = readKeyPair({ certPath, keyPath });
    if (!read.ok) {
      throw new Error(JSON.stringify(read.problems));
    }
    const paths = { certPath, keyPath };
    return { hostname: "127.0.0.1", port: 0, pair: read.pair, paths, hstsMaxAgeS: null, ...extra };
  }
}

export function pairFor(...names: string[]): Certificate {
  return certificate({ names: names.length === 0 ? [WILDCARD] : names });
}

interface Connecting {
  readonly port: number;
  readonly servername?: string;
  readonly alpn?: readonly string[];
  readonly maxVersion?: tls.SecureVersion;
}

/** A connection whose handshake is done; rejects when that fails. */
export function handshake({
  port,
  servername = `x.${PARENT}`,
  alpn = [],
  maxVersion = "TLSv1.3",
}: Connecting) {
  const { promise, resolve, reject } = Promise.withResolvers<tls.TLSSocket>();
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    servername,
    rejectUnauthorized: false,
    ALPNProtocols: [...alpn],
    minVersion: "TLSv1",
    maxVersion,
  });
  socket.once("secureConnect", () => resolve(socket));
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("closed")));
  return promise;
}

/** Serial number of the certificate that new connections get now. */
export async function servedSerial(port: number): Promise<string> {
  const socket = await handshake({ port });
  const serial = socket.getPeerX509Certificate()?.serialNumber ?? "";
  socket.destroy();
  return serial;
}

export interface H2Answer {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: string;
}

/** One HTTP/2 connection. */
export class H2Client {
  readonly session: http2.ClientHttp2Session;

  constructor(port: number) {
    this.session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    this.session.on("error", () => {});
  }

  stream(
    headers: http2.OutgoingHttpHeaders,
    options: http2.ClientSessionRequestOptions = {},
  ): http2.ClientHttp2Stream {
    return this.session.request({ ":path": "/", ":method": "GET", ...headers }, options);
  }

  /** Rejects when the stream is reset or the connection breaks. */
  ask(headers: http2.OutgoingHttpHeaders, body?: string): Promise<H2Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<H2Answer>();
    // By default the stream of a GET, HEAD or DELETE ends with its head.
    const stream = this.stream(headers, body === undefined ? {} : { endStream: false });
    let head: http2.IncomingHttpHeaders = {};
    let text = "";
    stream.on("response", (received) => {
      head = received;
    });
    stream.on("data", (data) => {
      text += data;
    });
    stream.on("end", () => resolve({ status: Number(head[":status"]), headers: head, body: text }));
    stream.on("error", reject);
    stream.on("close", () => reject(new Error("closed")));
    stream.end(body);
    return promise;
  }

  close(): void {
    this.session.destroy();
  }
}

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const [DATA, HEADERS, SETTINGS, WINDOW_UPDATE] = [0, 1, 4, 8];
const [END_STREAM, END_HEADERS] = [1, 4];
const WINDOW_MAX = 0x7f_ff_ff_ff;

function requestFields(method: string, authority: string): Buffer {
  const literal = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
  // Literal fields without indexing (RFC 7541 §6.2.2), lengths below 127.
  const field = (name: string, value: string) =>
    Buffer.concat([Buffer.from([0]), literal(name), literal(value)]);
  return Buffer.concat([
    field(":method", method),
    field(":scheme", "https"),
    field(":path", "/"),
    field(":authority", authority),
  ]);
}

/** The bytes of a client of HTTP/2 that begins to send a body on stream 1 (RFC 9113 §3.4, §6.1, §6.2). */
export function h2Upload(authority: string, part: string): Buffer {
  return Buffer.concat([
    PREFACE,
    h2Frame(SETTINGS, 0, 0, Buffer.alloc(0)),
    h2Frame(HEADERS, END_HEADERS, 1, requestFields("POST", authority)),
    h2Frame(DATA, 0, 1, Buffer.from(part)),
  ]);
}

/** The bytes of a client of HTTP/2 that asks on stream 1 and takes a response of any length (RFC 9113 §6.5.2, §6.9). */
export function h2Get(authority: string): Buffer {
  const number = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const initialWindow = Buffer.concat([Buffer.from([0, 4]), number(WINDOW_MAX)]);
  return Buffer.concat([
    PREFACE,
    h2Frame(SETTINGS, 0, 0, initialWindow),
    h2Frame(WINDOW_UPDATE, 0, 0, number(WINDOW_MAX - 65_535)),
    h2Frame(HEADERS, END_HEADERS | END_STREAM, 1, requestFields("GET", authority)),
  ]);
}

/** Stream 1 is cancelled (RFC 9113 §6.4). */
export function h2Reset(): Buffer {
  const [rstStream, cancel] = [3, 8];
  return h2Frame(rstStream, 0, 1, Buffer.from([0, 0, 0, cancel]));
}

function h2Frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
