import { messageBytesMax, type UpgradedConnection } from "../upgraded-connection.ts";

/** How Bun.serve treats WebSockets: everything goes to the upgraded connection. */
export const webSocketHandler: Bun.WebSocketHandler<UpgradedConnection> = {
  maxPayloadLength: messageBytesMax,
  // Nothing is ever dropped: the sender looks at what waits.
  backpressureLimit: 0,
  // The upstream decides how long a connection may be quiet, and when to ping.
  idleTimeout: 0,
  sendPings: false,
  // Not offered upstream, so it would only save bytes between us and the client, at much CPU.
  perMessageDeflate: false,
  open: (client) => client.data.joined(client),
  message: (client, message) => client.data.fromClient(message),
  ping: (client, data) => client.data.clientPing(data),
  pong: (client, data) => client.data.clientPong(data),
  drain: (client) => client.data.clientDrained(client),
  close: (client, code, reason) => client.data.clientClosed(code, reason),
};
