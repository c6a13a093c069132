// An upstream that keeps to HTTP or breaks, as the path says; echoes WebSockets. Prints its port.
//   /ok · /upload · /large · /late · /reset (no answer) · /half (breaks in the body) · /garbage · /extra (bytes after the end)
import { createServer } from "node:http";
import { WebSocketServer } from "ws";

const LARGE = Buffer.alloc(256 * 1024, "x");
const LATE_MS = 300;

const server = createServer((request, response) => {
  const { socket } = request;
  request.on("error", () => {});
  switch (request.url) {
    case "/upload": {
      let bytes = 0;
      request.on("data", (data: Buffer) => {
        bytes += data.length;
      });
      request.on("end", () => response.end(String(bytes)));
      return;
    }
    case "/large":
      response.end(LARGE);
      return;
    case "/late":
      setTimeout(() => response.end("late"), LATE_MS);
      return;
    case "/reset":
      socket.resetAndDestroy();
      return;
    case "/half":
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nonly this", () =>
        socket.destroy(),
      );
      return;
    case "/garbage":
      socket.end("this is not HTTP\r\n\r\n");
      return;
    case "/extra":
      socket.end(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
      );
      return;
    default:
      response.end("ok");
  }
});
// A program that ends idle connections races with the next request, and an upload is not repeated: that is no fault of the gate.
server.keepAliveTimeout = 60_000;
server.on("clientError", (_error, socket) => socket.destroy());
const webSockets = new WebSocketServer({ server });
webSockets.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (message, isBinary) => socket.send(message, { binary: isBinary }));
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") console.log(address.port);
});
