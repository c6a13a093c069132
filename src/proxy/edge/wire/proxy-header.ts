// The header of the PROXY protocol, versions 1 and 2 (HAProxy, proxy-protocol.txt §2): whom a load balancer speaks for.
import { parseAddress, parseDottedQuad } from "../../../policy/address.ts";

/** A line of version 1 with its CRLF, in bytes (§2.1). */
const LINE_BYTES_MAX = 107;
/** A header of version 2 with all its parts, in bytes: what a sender may send in one segment (§2). */
const BINARY_BYTES_MAX = 536;
/** Signature, command, family and length of version 2 (§2.2). */
const BINARY_START_BYTES = 16;
const TEXT_SIGNATURE = Buffer.from("PROXY ");
const BINARY_SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n");
const VERSION_2_LOCAL = 0x20;
const VERSION_2_PROXY = 0x21;
const UNSPEC = 0x00;
const TCP4 = 0x11;
const TCP6 = 0x21;
const CR = 13;
const LF = 10;
const PORT = /^(?:0|[1-9][0-9]{0,4})$/;

export type ProxyHeaderStep = "more" | "error" | "done";

/** One header, as it comes. After `error` and `done` nothing may be pushed. */
export class ProxyHeader {
  readonly #bytes = new Uint8Array(BINARY_BYTES_MAX);
  #length = 0;
  #source: string | null = null;
  #consumed = 0;

  /** Once done: the client's address, IPv4-mapped ones as IPv4. Null: the peer speaks for itself, or does not say for whom. */
  get source(): string | null {
    return this.#source;
  }

  /** Once done: bytes of the last chunk that belong to the header. */
  get consumed(): number {
    return this.#consumed;
  }

  push(chunk: Uint8Array): ProxyHeaderStep {
    const before = this.#length;
    const taken = chunk.subarray(0, BINARY_BYTES_MAX - before);
    this.#bytes.set(taken, before);
    this.#length += taken.length;
    const end = this.#end();
    if (end === null) return "error";
    if (end > this.#length) return "more";
    const head = this.#bytes.subarray(0, end);
    const source = head[0] === TEXT_SIGNATURE[0] ? readLine(head) : readBinary(head);
    if (source === undefined) return "error";
    this.#source = source;
    this.#consumed = end - before;
    return "done";
  }

  /** Where the header ends; more than has come while that is not known. Null: it is malformed. */
  #end(): number | null {
    const bytes = this.#bytes.subarray(0, this.#length);
    if (startsLike(bytes, TEXT_SIGNATURE)) return lineEnd(bytes);
    return startsLike(bytes, BINARY_SIGNATURE) ? binaryEnd(bytes) : null;
  }
}

/** Whether one begins with the other. */
function startsLike(bytes: Uint8Array, signature: Uint8Array): boolean {
  const length = Math.min(bytes.length, signature.length);
  for (let at = 0; at < length; at++) if (bytes[at] !== signature[at]) return false;
  return true;
}

function lineEnd(bytes: Uint8Array): number | null {
  for (let at = TEXT_SIGNATURE.length; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    const next = at + 1 < bytes.length ? bytes[at + 1] : LF;
    if (at + 2 > LINE_BYTES_MAX) return null;
    if (byte === CR) return next === LF ? at + 2 : null;
    if (byte < 0x20 || byte > 0x7e) return null;
  }
  // Two bytes must still come.
  return bytes.length + 2 > LINE_BYTES_MAX ? null : bytes.length + 2;
}

function binaryEnd(bytes: Uint8Array): number | null {
  const [command, , high, low] = bytes.subarray(BINARY_SIGNATURE.length, BINARY_START_BYTES);
  if (command !== undefined && command !== VERSION_2_LOCAL && command !== VERSION_2_PROXY) {
    return null;
  }
  if (high === undefined || low === undefined) return BINARY_START_BYTES;
  const end = BINARY_START_BYTES + high * 256 + low;
  return end > BINARY_BYTES_MAX ? null : end;
}

/** The source of a whole line. Undefined: it is malformed. */
function readLine(line: Uint8Array): string | null | undefined {
  const text = Buffer.from(line.subarray(TEXT_SIGNATURE.length, -2)).toString("latin1");
  // What follows is to be ignored (§2.1).
  if (text === "UNKNOWN" || text.startsWith("UNKNOWN ")) return null;
  const [protocol, source = "", destination = "", ...ports] = text.split(" ");
  if (protocol !== "TCP4" && protocol !== "TCP6") return undefined;
  const read = protocol === "TCP4" ? readIpv4 : readIpv6;
  const address = read(source);
  const isRight = address !== null && read(destination) !== null;
  return isRight && ports.length === 2 && ports.every(isPort) ? address : undefined;
}

/** The source of a whole header; what follows the addresses is skipped (§2.2.1). Undefined: it is malformed. */
function readBinary(head: Uint8Array): string | null | undefined {
  const family = head[BINARY_SIGNATURE.length + 1];
  const addresses = head.subarray(BINARY_START_BYTES);
  if (head[BINARY_SIGNATURE.length] === VERSION_2_LOCAL || family === UNSPEC) return null;
  // Two addresses and two ports.
  if (family === TCP4) {
    return addresses.length < 12 ? undefined : addresses.subarray(0, 4).join(".");
  }
  if (family !== TCP6 || addresses.length < 36) return undefined;
  const groups = Buffer.from(addresses.subarray(0, 16)).toString("hex").match(/.{4}/g) ?? [];
  return readIpv6(groups.join(":")) ?? undefined;
}

function readIpv4(text: string): string | null {
  return parseDottedQuad(text) === null ? null : text;
}

function readIpv6(text: string): string | null {
  return text.includes(":") ? (parseAddress(text)?.toString() ?? null) : null;
}

function isPort(text: string): boolean {
  return PORT.test(text) && Number(text) <= 65_535;
}
