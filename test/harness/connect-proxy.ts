// The internet of the descriptions on one machine: an HTTP proxy as companies have it (CONNECT, RFC 9110 §9.3.6) that brings every
// host to one place, where TLS ends.
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Certificate } from "./certificate.ts";
import { listenLocally } from "./local-server.ts";

export interface ConnectProxy extends AsyncDisposable {
  readonly url: string;
  /** Hosts that were asked for, in order. */
  readonly hosts: readonly string[];
}

/** `port`: where the plain text goes. */
export async function startConnectProxy(
  port: number,
  certificate: Certificate,
): Promise<ConnectProxy> {
  const hosts: string[] = [];
  const tls = createTlsServer(certificate, (socket) => join(socket, port));
  const tlsPort = await listenLocally(tls);
  const proxy = createServer();
  proxy.on("connect", (request, client: Socket) => {
    hosts.push(request.url ?? "");
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    join(client, tlsPort);
  });
  return {
    url: `http://127.0.0.1:${await listenLocally(proxy)}`,
    hosts,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections();
      proxy.close();
      tls.close();
    },
  };
}

function join(socket: Socket, port: number): void {
  const other = connect(port, "127.0.0.1");
  socket.pipe(other).pipe(socket);
  for (const end of [socket, other]) {
    end.on("error", () => {
      socket.destroy();
      other.destroy();
    });
  }
}
