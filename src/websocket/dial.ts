// The one place that connects to whoever is to speak WebSocket, or bare TCP, with us.
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";

/** How the other side has to prove who it is. */
interface TlsTerms {
  /** Asked for, and checked when `verify`; an IP literal is checked but never asked for (RFC 6066 §3). */
  readonly serverName: string;
  readonly verify: boolean;
  /** PEM of the only authorities that are believed; null: those of the system. */
  readonly ca: string | null;
}

interface Dial {
  /** An IP literal, or a name that is looked up. */
  readonly host: string;
  readonly port: number;
  /** Null: plain TCP. */
  readonly tls: TlsTerms | null;
  /** For the whole of it: name, connection, TLS. */
  readonly limitMs: number;
  /** Aborted: the connection is not wanted any more. */
  readonly signal: AbortSignal;
}

export type Dialled =
  /** Connected, and with TLS if that was asked for. Errors of the socket are heard of by its `close`. */
  | { readonly kind: "connected"; readonly socket: Socket }
  /** Nothing in time / refused, unknown, not believed: a code like ECONNREFUSED, never a message. */
  | { readonly kind: "silent" }
  | { readonly kind: "broken"; readonly error: string };

/** The other host may be gone without a word; the kernel then asks after so long. */
const KEEP_ALIVE_MS = 60_000;

/** Never rejects. What is not connected is destroyed. */
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
  // Stays for good: a socket that nobody listens to must not bring the process down.
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
