// A program in a container, as a process: answers every request with the request (see Echo). Prints its port.
import { createServer } from "node:http";

const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  const { method, url, headers } = request;
  response.setHeader("content-type", "application/json");
  response.setHeader("x-upstream", "echo");
  response.end(JSON.stringify({ method, url, headers, body }));
});

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") console.log(address.port);
});
