// Opens the TCP or TLS connections that carry WebSockets and raw TCP.
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/** How the peer's certificate is verified. */
interface TlsTerms {
  /** Sent as SNI, and checked when `verify`. An IP literal is checked but not sent (RFC 6066 §3). */
  readonly serverName: string;
  readonly verify: boolean;
  /** PEM of the trusted authorities; null: the system's. */
  readonly ca: string | null;
}

interface Dial {
  /** An IP literal, or a name to resolve. */
  readonly host: string;
  readonly port: number;
  /** Null: plain TCP. */
  readonly tls: TlsTerms | null;
  /** Milliseconds for name resolution, connection and TLS together. */
  readonly limitMs: number;
  /** Cancels the attempt. */
  readonly signal: AbortSignal;
}

export type Dialled =
  /** Connected, over TLS if requested. A socket error shows as its `close` event. */
  | { readonly kind: "connected"; readonly socket: Socket }
  /** Timed out / refused, unresolvable, untrusted: a code such as ECONNREFUSED, never a message. */
  | { readonly kind: "silent" }
  | { readonly kind: "broken"; readonly error: string };

/** The peer may disappear without closing the connection: the kernel probes an idle connection after this time. */
const KEEP_ALIVE_MS = 60_000;

/** Never rejects. Destroys the socket unless it connects. */
export function dial({ host, port, tls, limitMs, signal }: Dial): Promise<Dialled> {
  const { promise, resolve } = Promise.withResolvers<Dialled>();
  const socket =
    tls === null ? connectTcp({ host, port }) : connectTls({ host, port, ...optionsOf(tls) });
  const settle = (dialled: Dialled) => {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    if (dialled.kind !== "connected") {
      socket.destroy();
    }
    resolve(dialled);
  };
  const timer = setTimeout(() => settle({ kind: "silent" }), limitMs);
  const abort = () => settle({ kind: "broken", error: "aborted" });
  signal.addEventListener("abort", abort);
  // Never removed: an unhandled socket error would end the process.
  socket.on("error", (error) => settle({ kind: "broken", error: codeOf(error) }));
  socket.once("close", () => settle({ kind: "broken", error: "ECONNRESET" }));
  socket.once(tls === null ? "connect" : "secureConnect", () => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    settle({ kind: "connected", socket });
  });
  if (signal.aborted) {
    abort();
  }
  return promise;
}

function optionsOf({ serverName, verify, ca }: TlsTerms): ConnectionOptions {
  return {
    rejectUnauthorized: verify,
    ALPNProtocols: ["http/1.1"],
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ...(ca === null ? {} : { ca }),
  };
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
