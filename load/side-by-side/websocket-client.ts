// WebSocket clients that each send a message whenever its echo is there: PORT HOST PATH CONNECTIONS SECONDS; prints the result as JSON.
const MESSAGE = "x".repeat(64);
const [port, host = "", path, connections, seconds] = process.argv.slice(2);
const latencies: number[] = [];
let isOver = false;

function client(): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    // Bun's option, which the types of the DOM do not know.
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers: { host } } as never);
    let sentMs = 0;
    const send = () => {
      sentMs = performance.now();
      socket.send(MESSAGE);
    };
    socket.onopen = () => {
      send();
      resolve(socket);
    };
    socket.onmessage = ({ data }) => {
      if (data !== MESSAGE) throw new Error("another message came back");
      latencies.push(performance.now() - sentMs);
      if (!isOver) send();
    };
    socket.onerror = () => reject(new Error("no WebSocket"));
    socket.onclose = ({ code }) => {
      if (!isOver) throw new Error(`closed with ${code}`);
    };
  });
}

const startMs = performance.now();
const sockets = await Promise.all(Array.from({ length: Number(connections) }, client));
await Bun.sleep(Number(seconds) * 1_000);
isOver = true;
const elapsedS = (performance.now() - startMs) / 1_000;
const sorted = latencies.toSorted((a, b) => a - b);
const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
console.log(
  JSON.stringify({
    requests: sorted.length,
    requestsPerS: sorted.length / elapsedS,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
  }),
);
for (const socket of sockets) socket.close();
process.exit(0);

export {};
