// `bun run load:ws`: 10,000 open WebSockets are judged again by one write of a document, while requests of others go on.
//
// Prints what an idle WebSocket costs the gate's process, how long it took from the write until the last of those that are
// allowed no more was closed, and the latency of requests to another project before and meanwhile. Everything is on
// 127.0.0.1 and ends by itself within two minutes. The gate needs two descriptors a WebSocket: where the hard limit allows
// fewer than 21,000, there are fewer WebSockets, and that is said.
import { readFileSync } from "node:fs";
import { type Api, loginAdmin, makePlace, type Place } from "../test/harness/client.ts";
import { type Script, startScript } from "../test/harness/process-lines.ts";
import { startProgram, type Urls } from "../test/harness/program.ts";
import { rssBytes } from "./process-memory.ts";

const wanted = 10_000;
/** Of the gate's process, for everything else. */
const otherDescriptors = 1_000;
const count = Math.min(wanted, evenBelow((descriptorsMax() - otherDescriptors) / 2));
/** The second of two tokens is taken away: every other WebSocket. */
const tokens = ["load-kept", "load-taken"];
const requestsPerS = 500;
const beforeMs = 4_000;
const restMs = 1_500;
const deadlineMs = 20_000;

const group = (value: string) => ({ type: "token", value, header: "X-Api-Token" });
const documentOf = (allowed: readonly string[]) => ({
  groups: Object.fromEntries(allowed.map((token) => [token, group(token)])),
  permissions: Object.fromEntries(allowed.map((token) => [token, { terminal: true }])),
  default: "deny",
});

/** Soft limit of this process, which those it starts inherit. */
function descriptorsMax(): number {
  const limits = readFileSync("/proc/self/limits", "utf8");
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
}

function evenBelow(number: number): number {
  return Math.floor(number / 2) * 2;
}

const startEnds = (...args: string[]): Script =>
  startScript(`${import.meta.dir}/websocket-ends.ts`, ...args);

/** Requests at a fixed rate; each one's latency counts from when it was due. */
class Requests {
  readonly #urls: Urls;
  readonly #place: Place;
  readonly #startedMs = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #due = 0;
  #latencies: number[] = [];
  #failures = 0;

  constructor(urls: Urls, place: Place) {
    this.#urls = urls;
    this.#place = place;
    this.#timer = setInterval(() => this.#send(), 1);
  }

  /** What was measured since the last call. */
  take(): { requests: number; p50Ms: number; p99Ms: number; maxMs: number } {
    if (this.#failures > 0) throw new Error(`${this.#failures} requests failed`);
    const sorted = this.#latencies.sort((a, b) => a - b);
    this.#latencies = [];
    const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
    return { requests: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #send(): void {
    const owed = ((performance.now() - this.#startedMs) / 1000) * requestsPerS;
    while (this.#due < owed) {
      const dueMs = this.#startedMs + (this.#due++ / requestsPerS) * 1000;
      fetch(this.#urls.proxy, { headers: { host: this.#place.host("terminal-1") } })
        .then((response) => (response.ok ? response.bytes() : Promise.reject(response.status)))
        .then(
          () => this.#latencies.push(performance.now() - dueMs),
          () => this.#failures++,
        );
    }
  }
}

function print(
  when: string,
  { requests, p50Ms, p99Ms, maxMs }: ReturnType<Requests["take"]>,
): void {
  const [p50, p99, max] = [p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1));
  console.log(`requests ${when}: ${requests}, p50 ${p50} ms, p99 ${p99} ms, max ${max} ms`);
}

/** Resolves when all that are to be closed are; the moment of the last one, in Unix milliseconds. */
async function allClosed(clients: Script, expected: number): Promise<number> {
  for (;;) {
    const { closed, lastMs } = JSON.parse(await clients.line());
    const total = Object.values<number>(closed).reduce((sum, some) => sum + some, 0);
    if (total > expected || (total === expected && closed["1008"] !== expected)) {
      throw new Error(`closed: ${JSON.stringify(closed)}`);
    }
    if (total === expected) return lastMs;
  }
}

async function measure(api: Api, urls: Urls, pid: number, port: number): Promise<void> {
  const place = await makePlace(api, urls, port);
  const other = await makePlace(api, urls, port);
  await place.container.replace(documentOf(tokens));
  const proxyPort = new URL(urls.proxy).port;
  const emptyBytes = rssBytes(pid);
  const openedAtMs = performance.now();
  const clients = startEnds(
    "clients",
    proxyPort,
    place.host("terminal-1"),
    String(count),
    ...tokens,
  );
  try {
    await clients.line();
    const openMs = performance.now() - openedAtMs;
    console.log(`${count} WebSockets opened in ${openMs.toFixed(0)} ms`);
    await Bun.sleep(restMs);
    const perSocket = (rssBytes(pid) - emptyBytes) / count / 1024;
    console.log(`resident memory of the gate: ${perSocket.toFixed(1)} KiB an idle WebSocket`);
    const requests = new Requests(urls, other);
    await Bun.sleep(beforeMs);
    print("before", requests.take());
    const writtenMs = performance.timeOrigin + performance.now();
    const written = place.container.replace(documentOf(tokens.slice(0, 1)));
    const late = setTimeout(() => void clients[Symbol.asyncDispose](), deadlineMs);
    const lastMs = await allClosed(clients, count / tokens.length);
    clearTimeout(late);
    print("meanwhile", requests.take());
    await written;
    const tookMs = (lastMs - writtenMs).toFixed(0);
    console.log(`${count} judged again, ${count / tokens.length} closed (1008): ${tookMs} ms`);
    await Bun.sleep(restMs);
    print("after", requests.take());
    requests.stop();
    const text = await (await fetch(`${urls.ops}/metrics`)).text();
    console.log(`left open: ${/^realmgate_websockets_open (\d+)$/m.exec(text)?.[1]}`);
  } finally {
    await clients[Symbol.asyncDispose]();
  }
}

if (count < wanted) {
  console.log(
    `${descriptorsMax()} descriptors a process allow only ${count} of ${wanted} WebSockets`,
  );
}
const upstream = startEnds("upstream");
const port = Number(await upstream.line());
await using program = await startProgram();
try {
  await measure(await loginAdmin(program.urls), program.urls, program.pid, port);
} finally {
  await upstream[Symbol.asyncDispose]();
}
