// The upstream of load runs: 128 bytes to every request. Prints its port.
const body = "x".repeat(128);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  development: false,
  fetch: () => new Response(body, { headers: { "content-type": "text/plain" } }),
});

console.log(server.port);
