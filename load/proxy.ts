// `bun run load`: the whole proxy under load, next to its upstream reached directly, in one run.
//
// For each case: first as many requests as 64 connections carry (requests/s, CPU per request of the process), then half
// that rate (p50, p99; at a fixed rate autocannon corrects for coordinated omission). Any error, or any status but 200,
// fails the run. Everything is on 127.0.0.1 and ends by itself after about a minute.
import autocannon from "autocannon";
import { SignJWT } from "jose";
import { type Api, loginAdmin, makePlace } from "../test/harness/client.ts";
import { startScript } from "../test/harness/process-lines.ts";
import { type Program, startProgram } from "../test/harness/program.ts";
import { cpuUs } from "./process-cpu.ts";

const connections = 64;
const warmUpS = 1;
const fullS = 4;
const halfS = 4;

const jwtSecret = "a secret of the load run, 32 bytes";

interface Case {
  readonly name: string;
  /** Whose CPU time is counted. */
  readonly pid: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The document of each case, and what a request carries to be let in by it. */
const gates: Readonly<
  Record<string, { document: object | null; headers: () => Promise<Record<string, string>> }>
> = {
  open: { document: null, headers: async () => ({}) },
  ip: {
    document: { groups: { all: { type: "ip", range: "127.0.0.0/8" } } },
    headers: async () => ({}),
  },
  token: {
    document: { groups: { all: { type: "token", value: "load-token", header: "X-Api-Token" } } },
    headers: async () => ({ "x-api-token": "load-token" }),
  },
  password: {
    document: { groups: { all: { type: "password", username: "u", password: "p", salt: "s" } } },
    headers: async () => ({ authorization: `Basic ${btoa("u:p")}` }),
  },
  jwt: {
    document: {
      groups: { all: { type: "jwt", secret: jwtSecret, sources: ["header:Authorization"] } },
    },
    headers: async () => ({
      authorization: `Bearer ${await new SignJWT({}).setProtectedHeader({ alg: "HS256" }).setExpirationTime("1h").sign(new TextEncoder().encode(jwtSecret))}`,
    }),
  },
};

async function gatedCases(program: Program, api: Api, upstreamPort: number): Promise<Case[]> {
  const cases: Case[] = [];
  for (const [name, gate] of Object.entries(gates)) {
    const place = await makePlace(api, program.urls, upstreamPort);
    if (gate.document !== null) {
      await place.container.replace({ ...gate.document, permissions: { all: { terminal: true } } });
    }
    const headers = { ...(await gate.headers()), host: place.host("terminal-1") };
    cases.push({ name, pid: program.pid, url: program.urls.proxy, headers });
  }
  return cases;
}

interface Measured {
  readonly requestsPerS: number;
  readonly cpuUsPerRequest: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function measure({ name, pid, url, headers }: Case): Promise<Measured> {
  const run = async (durationS: number, overallRate?: number) => {
    const result = await autocannon({
      url,
      headers,
      connections,
      duration: durationS,
      ...(overallRate === undefined ? {} : { overallRate }),
    });
    if (result.errors > 0 || result.timeouts > 0 || result.non2xx > 0) {
      const { errors, timeouts, non2xx } = result;
      throw new Error(
        `${name}: ${errors} errors, ${timeouts} timeouts, ${non2xx} unexpected statuses`,
      );
    }
    if (result.requests.total === 0) throw new Error(`${name}: no request was answered`);
    return result;
  };
  await run(warmUpS);
  const before = cpuUs(pid);
  const full = await run(fullS);
  const cpuUsPerRequest = (cpuUs(pid) - before) / full.requests.total;
  const requestsPerS = full.requests.total / full.duration;
  const half = await run(halfS, Math.round(requestsPerS / 2));
  return { requestsPerS, cpuUsPerRequest, p50Ms: half.latency.p50, p99Ms: half.latency.p99 };
}

await using stub = startScript(`${import.meta.dir}/stub-upstream.ts`);
const stubPort = Number(await stub.line());
await using program = await startProgram();
const api = await loginAdmin(program.urls);
const direct: Case = {
  name: "direct",
  pid: stub.pid,
  url: `http://127.0.0.1:${stubPort}`,
  headers: {},
};
console.log(`${connections} connections, 128-byte bodies; latency at half of the requests/s`);
console.log("case       requests/s   CPU µs/request   p50 ms   p99 ms   CPU vs direct");
let directCpu = Number.NaN;
for (const each of [direct, ...(await gatedCases(program, api, stubPort))]) {
  const { requestsPerS, cpuUsPerRequest, p50Ms, p99Ms } = await measure(each);
  if (each === direct) directCpu = cpuUsPerRequest;
  const cells = [
    each.name.padEnd(9),
    requestsPerS.toFixed(0).padStart(11),
    cpuUsPerRequest.toFixed(1).padStart(16),
    p50Ms.toFixed(1).padStart(8),
    p99Ms.toFixed(1).padStart(8),
    (cpuUsPerRequest / directCpu).toFixed(2).padStart(15),
  ];
  console.log(cells.join(" "));
}
