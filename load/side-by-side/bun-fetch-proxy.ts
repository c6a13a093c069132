// `Bun.serve` and `fetch` with nothing between: what a proxy costs that owns neither end. UPSTREAM_PORT as an argument; prints its port.
const upstream = `http://127.0.0.1:${process.argv[2]}`;

const { port } = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  development: false,
  fetch: (request) =>
    fetch(upstream + new URL(request.url).pathname, {
      method: request.method,
      headers: request.headers,
      body: request.body,
      redirect: "manual",
      decompress: false,
    }),
});
console.log(port);

export {};
