// The system call on descriptors that the runtime has no name for. Linux only.
import { dlopen, FFIType } from "bun:ffi";

/** With glibc, and with musl on either architecture. */
const LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];
/** fcntl(2). */
const F_DUPFD_CLOEXEC = 1030;

/** Another descriptor of the same open file, which no program inherits unless it is passed on. Throws when there is none left. */
export type Duplicate = (descriptor: number) => number;

/** Null where the system has no such call. */
export function duplicator(): Duplicate | null {
  const fcntl = process.platform === "linux" ? load() : null;
  if (fcntl === null) return null;
  return (descriptor) => {
    const duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (duplicate < 0) throw new Error("a descriptor cannot be duplicated: too many are open");
    return duplicate;
  };
}

function load() {
  const args = [FFIType.i32, FFIType.i32, FFIType.i32] as const;
  for (const library of LIBRARIES) {
    try {
      return dlopen(library, { fcntl: { args, returns: FFIType.i32 } }).symbols.fcntl;
    } catch {
      // Another C library, or a system that lets no program make code.
    }
  }
  return null;
}
