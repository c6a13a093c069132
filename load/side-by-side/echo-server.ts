// The upstream where nginx is not installed, and of WebSockets, which it echoes. Prints its port.
import { BODIES } from "./work.ts";

const bodies = new Map<string, Uint8Array<ArrayBuffer>>(
  Object.entries(BODIES).map(([path, bytes]) => [path, new Uint8Array(bytes).fill(120)]),
);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  development: false,
  fetch(request, self) {
    if (request.headers.has("upgrade") && self.upgrade(request)) return undefined;
    const body = bodies.get(new URL(request.url).pathname);
    return body === undefined ? new Response(null, { status: 404 }) : new Response(body);
  },
  websocket: {
    perMessageDeflate: false,
    message(socket, message) {
      socket.send(message);
    },
  },
});
console.log(server.port);
