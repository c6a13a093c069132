// Tells the supervisor how the process is: sd_notify(3), datagrams to the socket that NOTIFY_SOCKET names. The runtime has no
// datagram sockets of the Unix kind, so the calls are libc's.
import { dlopen, ptr } from "bun:ffi";
import type { Log } from "../log.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** `sun_path` of sockaddr_un. */
const pathBytesMax = 108;

/** Sends the state, such as `READY=1`. Does nothing without a supervisor; logs a failure, which does not stop the gate. */
export function notifySupervisor(state: string, log: Log): void {
  const path = process.env.NOTIFY_SOCKET;
  if (!path || process.platform !== "linux") return;
  try {
    send(path, Buffer.from(state));
  } catch (error) {
    log.warn({ err: error }, "the supervisor could not be notified");
  }
}

function send(path: string, message: Buffer): void {
  // An abstract address begins with @ in the variable, with a zero byte in the structure.
  const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : path);
  if (name.length >= pathBytesMax) throw new Error("NOTIFY_SOCKET is too long");
  const address = Buffer.concat([Buffer.from(new Uint16Array([AF_UNIX]).buffer), name]);
  const { symbols, close } = dlopen(libc(), {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  });
  const descriptor = symbols.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  try {
    const sent = symbols.sendto(
      descriptor,
      ptr(message),
      message.length,
      MSG_NOSIGNAL,
      ptr(address),
      address.length,
    );
    if (Number(sent) !== message.length) throw new Error(`sending to ${path} failed`);
  } finally {
    symbols.close(descriptor);
    close();
  }
}

/** glibc's name, or musl's. */
function libc(): string {
  const { glibcVersionRuntime } = (process.report.getReport() as ProcessReport).header;
  return glibcVersionRuntime === undefined ? "libc.so" : "libc.so.6";
}

interface ProcessReport {
  readonly header: { readonly glibcVersionRuntime?: string };
}
