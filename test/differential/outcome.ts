// What an edge made of the bytes of one connection: what the program saw, and what the client got.
import net from "node:net";
import type { ProxyServer } from "../../src/proxy/proxy.ts";
import { parsePrometheusText } from "../harness/prometheus-text.ts";
import type { Seen, Witness } from "../harness/witness.ts";

/** A request as the program saw it. */
export interface Arrived {
  readonly method: string;
  readonly target: string;
  /** Header lines, names in lower case, sorted; lines of one name joined as RFC 9110 §5.3 allows. */
  readonly lines: readonly string[];
  /** Without chunk lines, trailers behind it. */
  readonly body: string;
}

export interface Outcome {
  readonly arrived: readonly Arrived[];
  /** Statuses of the responses, 1xx included. */
  readonly statuses: readonly number[];
  /** The last response's machine code. */
  readonly code: string | null;
  /** Whether the gate ended the connection. */
  readonly isEnded: boolean;
  /** What was wrong with the bytes, where the edge says so. */
  readonly malformed: string | null;
}

/** Nothing comes for so long: nothing will. Most inputs end their connection. */
const QUIET_MS = 700;

/** Sends the bytes on a connection of their own. */
export async function outcomeOf(
  gate: ProxyServer,
  witness: Witness,
  bytes: string,
): Promise<Outcome> {
  const first = witness.requests.length;
  const { received, isEnded } = await exchanged(gate.port, bytes);
  const statuses = [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) =>
    Number(status),
  );
  return {
    arrived: witness.requests.slice(first).map(arrived),
    statuses,
    code: [...received.matchAll(/"code":"(\w+)"/g)].at(-1)?.[1] ?? null,
    isEnded,
    malformed: statuses.some((status) => status >= 400) ? await malformed(gate) : null,
  };
}

const counted = new WeakMap<ProxyServer, Map<string, number>>();

/** What was counted since the last look. */
async function malformed(gate: ProxyServer): Promise<string | null> {
  const before = counted.get(gate);
  const now = await malformedCounts(gate);
  counted.set(gate, now);
  const grown = [...now].find(([reason, count]) => count > (before?.get(reason) ?? 0));
  return grown?.[0] ?? null;
}

function exchanged(port: number, bytes: string): Promise<{ received: string; isEnded: boolean }> {
  const { promise, resolve } = Promise.withResolvers<{ received: string; isEnded: boolean }>();
  let received = "";
  const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes, "latin1"));
  const quiet = () => {
    socket.destroy();
    resolve({ received, isEnded: false });
  };
  let timer = setTimeout(quiet, QUIET_MS);
  socket.on("data", (data) => {
    received += data.toString("latin1");
    clearTimeout(timer);
    timer = setTimeout(quiet, QUIET_MS);
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    clearTimeout(timer);
    resolve({ received, isEnded: true });
  });
  return promise;
}

async function malformedCounts({ metrics }: ProxyServer): Promise<Map<string, number>> {
  const family = parsePrometheusText(await metrics.text()).get("realmgate_malformed_total");
  return new Map(family?.samples.map(({ labels, value }) => [labels.reason ?? "", value]) ?? []);
}

/** Differs with every request. */
const OF_THE_REQUEST = "x-realmgate-request-id";

function arrived({ line, headers, body }: Seen): Arrived {
  const method = line.slice(0, line.indexOf(" "));
  const target = line.slice(method.length + 1, line.lastIndexOf(" "));
  const joined = new Map<string, string>();
  let isChunked = false;
  for (const [name, value] of headers) {
    if (name === OF_THE_REQUEST) continue;
    // How the body is framed is said by `body`.
    if (name === "transfer-encoding") isChunked = true;
    const before = joined.get(name);
    const comma = name === "cookie" ? "; " : ", ";
    joined.set(name, before === undefined ? value : `${before}${comma}${value}`);
  }
  const lines = [...joined].map(([name, value]) => `${name}: ${value.trim()}`).toSorted();
  return { method, target, lines, body: isChunked ? payload(body) : body };
}

function payload(chunks: string): string {
  let text = "";
  for (let at = 0; ; ) {
    const end = chunks.indexOf("\r\n", at);
    const size = Number.parseInt(chunks.slice(at, end), 16);
    if (size === 0) return text + chunks.slice(end + 2, -2);
    text += chunks.slice(end + 2, end + 2 + size);
    at = end + 2 + size + 2;
  }
}
