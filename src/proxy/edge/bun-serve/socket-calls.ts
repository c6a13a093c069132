// The system calls on sockets that the runtime has no name for. Linux only: elsewhere there are none, and nothing is lost but a limit.
import { dlopen, FFIType, ptr } from "bun:ffi";
import { readdirSync } from "node:fs";

/** With glibc, and with musl on either architecture. */
const LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const AF_INET = 2;
const AF_INET6 = 10;
/** `sizeof(struct sockaddr_storage)`. */
const addressBytes = 128;

/** One end of a connection. An IPv4-mapped address has four octets. */
export interface SocketName {
  readonly octets: Uint8Array;
  readonly port: number;
}

export interface SocketCalls {
  /** Descriptors that are open. */
  descriptors(): number[];
  /** The far end of a connected socket; null: the descriptor is none. Overwritten by the next call. */
  peer(descriptor: number): SocketName | null;
  /** The port at this end; null: the descriptor is no socket. */
  localPort(descriptor: number): number | null;
  /** Bytes of the receive buffer (socket(7), SO_RCVBUF): the kernel doubles them, and half is its own. False: it would not. */
  setReceiveBuffer(descriptor: number, bytes: number): boolean;
}

/** Null where the system has no such calls. */
export function socketCalls(): SocketCalls | null {
  const symbols = process.platform === "linux" ? load() : null;
  if (symbols === null) return null;
  const { getpeername, getsockname, setsockopt } = symbols;
  // Over buffers of their own: the bytes of a small array move when a view of them is made.
  const address = Buffer.from(new ArrayBuffer(addressBytes));
  const addressAt = ptr(address);
  const length = new Uint32Array(new ArrayBuffer(4));
  const lengthAt = ptr(length);
  const option = new Int32Array(new ArrayBuffer(4));
  const optionAt = ptr(option);
  const named = (call: typeof getpeername, descriptor: number): boolean => {
    length[0] = addressBytes;
    return call(descriptor, addressAt, lengthAt) === 0 && familyOf(address) !== null;
  };
  return {
    descriptors: () => readdirSync("/proc/self/fd").map(Number),
    peer: (descriptor) =>
      named(getpeername, descriptor)
        ? { octets: octetsOf(address), port: address.readUInt16BE(2) }
        : null,
    localPort: (descriptor) => (named(getsockname, descriptor) ? address.readUInt16BE(2) : null),
    setReceiveBuffer(descriptor, bytes) {
      option[0] = bytes;
      return setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, optionAt, option.byteLength) === 0;
    },
  };
}

function load() {
  const name = { args: [FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 } as const;
  const set = {
    args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32],
    returns: FFIType.i32,
  } as const;
  for (const library of LIBRARIES) {
    try {
      return dlopen(library, { getpeername: name, getsockname: name, setsockopt: set }).symbols;
    } catch {
      // Another C library, or a system that lets no program make code.
    }
  }
  return null;
}

/** Linux keeps the family in the byte order of the machine (ip(7)), which is little-endian wherever Bun runs. */
function familyOf(address: Buffer): number | null {
  const family = address.readUInt16LE(0);
  return family === AF_INET || family === AF_INET6 ? family : null;
}

function octetsOf(address: Buffer): Uint8Array {
  if (familyOf(address) === AF_INET) return address.subarray(4, 8);
  const octets = address.subarray(8, 24);
  return isMapped(octets) ? octets.subarray(12) : octets;
}

/** RFC 4291 §2.5.5.2. */
function isMapped(octets: Buffer): boolean {
  for (let i = 0; i < 10; i++) if (octets[i] !== 0) return false;
  return octets[10] === 255 && octets[11] === 255;
}
