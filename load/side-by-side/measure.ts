// Each row by rounds in which its contestants take turns (A B A B), so that what a machine does meanwhile meets all alike.
import { join } from "node:path";
import { median } from "../guard/compared.ts";
import type { Contestant, Name } from "./contestant.ts";
import { atRate, type Driver, type Load, saturate } from "./drive.ts";
import { cpuUsOf, memoryMib } from "./processes.ts";
import { webSocketHost } from "./realmgate.ts";
import type { Row } from "./rows.ts";
import { browserFields, credentials, refusing } from "./work.ts";

export interface Pace {
  readonly rounds: number;
  readonly warmUpS: number;
  readonly saturatedS: number;
  readonly fixedS: number;
  readonly driver: Driver;
  /** Latencies at a fixed rate, beside the saturated runs. */
  readonly hasFixedRate: boolean;
  readonly folder: string;
}

/** Medians of the rounds. */
export interface Cell {
  readonly requestsPerS: number;
  readonly cpuUs: number;
  /** Of a row with a fixed rate; of WebSockets at saturation. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly memoryMib: number;
}

export type Cells = Map<Name, Cell>;

export interface MeasuredRow {
  readonly cells: Cells;
  /** Requests a second at which the latencies were measured; null: at saturation. */
  readonly fixedPerS: number | null;
}

export function loadOf(row: Row, contestant: Contestant, folder: string): Load | null {
  const port = contestant.port(row.protocol === "h1" ? "plain" : "tls");
  const hosts = contestant.hosts(row.gate);
  if (port === null || hosts === null) return null;
  return {
    name: `${row.name}, ${contestant.name}`,
    protocol: row.protocol,
    port,
    hosts,
    path: row.path,
    fields: { ...credentials[row.gate], ...(row.hasBrowserFields ? browserFields : {}) },
    postBytes: row.postBytes,
    connections: row.connections,
    folder,
  };
}

/** Whether the contestant does the work at all: lets in who has the credential, refuses who has not. */
export async function check(row: Row, contestant: Contestant, load: Load): Promise<void> {
  const { name, hosts, port, path, fields, postBytes } = load;
  const [host = ""] = hosts;
  const ask = async (sent: Readonly<Record<string, string>>) => {
    const response = await fetch(
      `${row.protocol === "h1" ? "http" : "https"}://127.0.0.1:${port}${path}`,
      {
        headers: { ...sent, host },
        tls: { rejectUnauthorized: false },
        ...(postBytes === 0 ? {} : { method: "POST", body: "x".repeat(postBytes) }),
      },
    );
    return { status: response.status, bytes: (await response.bytes()).length };
  };
  const { status, bytes } = await ask(fields);
  if (status !== 200 || bytes < 128) throw new Error(`${name}: status ${status}, ${bytes} bytes`);
  if (
    contestant.name === "direct" ||
    contestant.name === "bun fetch" ||
    !refusing.includes(row.gate)
  )
    return;
  const without = await ask({});
  if (without.status !== 401 && without.status !== 403) {
    throw new Error(`${name}: ${without.status} without a credential`);
  }
}

interface Samples {
  readonly perS: number[];
  readonly cpuUs: number[];
  readonly p50: number[];
  readonly p99: number[];
  readonly p999: number[];
  memoryMib: number;
}

const none = (): Samples => ({ perS: [], cpuUs: [], p50: [], p99: [], p999: [], memoryMib: 0 });

/** HTTP rows and WebSockets. */
export async function measureRow(
  row: Row,
  contestants: readonly Contestant[],
  pace: Pace,
): Promise<MeasuredRow> {
  const taking: { contestant: Contestant; load: Load; samples: Samples }[] = [];
  for (const contestant of contestants) {
    const load = loadOf(row, contestant, pace.folder);
    if (load !== null) taking.push({ contestant, load, samples: none() });
  }
  for (const { contestant, load } of taking) {
    if (row.kind === "http") await check(row, contestant, load);
    if (pace.warmUpS > 0) await once(row, contestant, load, pace, pace.warmUpS);
  }
  let fixedPerS: number | null = null;
  for (let round = 0; round < pace.rounds; round++) {
    for (const { contestant, load, samples } of taking) {
      const pids = contestant.pids(row.gate);
      const beforeUs = cpuUsOf(pids);
      const result = await once(row, contestant, load, pace, pace.saturatedS);
      samples.perS.push(result.requestsPerS);
      samples.cpuUs.push((cpuUsOf(pids) - beforeUs) / result.requests);
      samples.memoryMib = memoryMib(pids);
      if (row.kind === "websocket") keep(samples, result);
    }
    if (row.kind === "websocket" || !pace.hasFixedRate) continue;
    // The same rate for all, in all rounds: half of what the slower of the gate and nginx carried in the first.
    fixedPerS ??= Math.round(
      Math.min(
        ...taking
          .filter(({ contestant: { name } }) => name === "realmgate" || name === "nginx")
          .map(({ samples }) => median(samples.perS)),
      ) / 2,
    );
    for (const { load, samples } of taking)
      keep(samples, await atRate(load, fixedPerS, pace.fixedS));
  }
  const cells: Cells = new Map();
  for (const { contestant, samples } of taking) {
    cells.set(contestant.name, {
      requestsPerS: median(samples.perS),
      cpuUs: median(samples.cpuUs),
      p50Ms: median(samples.p50),
      p99Ms: median(samples.p99),
      p999Ms: median(samples.p999),
      memoryMib: samples.memoryMib,
    });
  }
  return { cells, fixedPerS };
}

interface Latencies {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

function keep(samples: Samples, { p50Ms, p99Ms, p999Ms }: Latencies): void {
  samples.p50.push(p50Ms);
  samples.p99.push(p99Ms);
  samples.p999.push(p999Ms);
}

interface Once extends Latencies {
  readonly requests: number;
  readonly requestsPerS: number;
}

async function once(
  row: Row,
  contestant: Contestant,
  load: Load,
  pace: Pace,
  seconds: number,
): Promise<Once> {
  if (row.kind === "websocket") return echoes(contestant, load, seconds);
  const nothing = { p50Ms: Number.NaN, p99Ms: Number.NaN, p999Ms: Number.NaN };
  // So many megabytes take turns that none may be through after a second.
  const enoughS = load.path === "/1m" ? Math.max(seconds, 3) : seconds;
  return { ...(await saturate(pace.driver, load, enoughS)), ...nothing };
}

async function echoes(contestant: Contestant, load: Load, seconds: number): Promise<Once> {
  const [host = ""] = load.hosts;
  const isOurs = contestant.name.startsWith("realmgate");
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, "websocket-client.ts"),
      String(load.port),
      isOurs ? webSocketHost(host) : host,
      isOurs ? "/" : "/websocket",
      String(load.connections),
      String(seconds),
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${load.name}: failed`);
  return JSON.parse(text);
}
