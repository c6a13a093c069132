// Who sends the requests of a load run, and what is measured of them. Whatever is not a 200 makes these throw.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import autocannon from "autocannon";
import type { FixedRateResult } from "./fixed-rate-client.ts";
import type { Fields, Path } from "./work.ts";

export type Protocol = "h1" | "tls h1" | "tls h2";

/** Where to, and what each request is like. */
export interface Load {
  /** For messages. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** One, or many that take turns. */
  readonly hosts: readonly string[];
  readonly path: Path;
  readonly fields: Fields;
  /** Bytes of a POST; 0: a GET. */
  readonly postBytes: number;
  readonly connections: number;
  readonly folder: string;
}

export interface Saturated {
  readonly requests: number;
  readonly requestsPerS: number;
}

export const DRIVERS = ["wrk", "autocannon"] as const;
/** For HTTP/1.1; HTTP/2 is always h2load's. */
export type Driver = (typeof DRIVERS)[number];

/** As many requests as the connections carry for `seconds`. */
export function saturate(driver: Driver, load: Load, seconds: number): Promise<Saturated> {
  if (load.protocol === "tls h2") return h2load(load, ["-D", String(Math.max(1, seconds))]);
  return driver === "wrk" ? wrk(load, seconds) : cannon(load, seconds);
}

async function output(load: Load, command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0)
    throw new Error(`${load.name}: ${command[0]}: ${stdout}${stderr}`);
  return stdout;
}

const quoted = (text: string) => `[==[${text}]==]`;

function scriptOf({ hosts, path, fields, postBytes }: Load): string {
  const entries = Object.entries(fields).map(
    ([name, value]) => `[ ${quoted(name)} ] = ${quoted(value)}`,
  );
  const method = postBytes === 0 ? "GET" : "POST";
  const body = postBytes === 0 ? "nil" : `string.rep("x", ${postBytes})`;
  return `
local hosts = { ${hosts.map(quoted).join(", ")} }
local fields = { ${entries.join(", ")} }
local requests, turn = {}, 0
init = function(args)
  for n, host in ipairs(hosts) do
    fields["Host"] = host
    requests[n] = wrk.format("${method}", "${path}", fields, ${body})
  end
end
${
  hosts.length === 1
    ? "request = function() return requests[1] end"
    : "request = function() turn = turn % #requests + 1; return requests[turn] end"
}
done = function(summary)
  local e = summary.errors
  io.write(string.format("\\nRESULT %d %d %d %d\\n", summary.requests, summary.duration, e.connect + e.read + e.write + e.timeout, e.status))
end
`;
}

async function wrk(load: Load, seconds: number): Promise<Saturated> {
  const script = join(load.folder, "wrk.lua");
  writeFileSync(script, scriptOf(load));
  const scheme = load.protocol === "h1" ? "http" : "https";
  const text = await output(load, [
    "wrk",
    "-t1",
    `-c${load.connections}`,
    `-d${Math.max(1, Math.round(seconds))}s`,
    "--timeout=10s",
    "-s",
    script,
    `${scheme}://127.0.0.1:${load.port}${load.path}`,
  ]);
  const [, requests, durationUs, errors, statuses] =
    /RESULT (\d+) (\d+) (\d+) (\d+)/.exec(text)?.map(Number) ?? [];
  if (requests === undefined || durationUs === undefined || requests === 0) {
    throw new Error(`${load.name}: no request was answered: ${text}`);
  }
  if (errors !== 0 || statuses !== 0) {
    throw new Error(`${load.name}: ${errors} errors, ${statuses} unexpected statuses`);
  }
  return { requests, requestsPerS: requests / (durationUs / 1e6) };
}

async function cannon(load: Load, seconds: number): Promise<Saturated> {
  const post = load.postBytes === 0 ? {} : { method: "POST", body: "x".repeat(load.postBytes) };
  const result = await autocannon({
    url: `${load.protocol === "h1" ? "http" : "https"}://127.0.0.1:${load.port}${load.path}`,
    connections: load.connections,
    duration: seconds,
    requests: load.hosts.map((host) => ({
      ...post,
      headers: { ...load.fields, host },
    })) as autocannon.Request[],
  });
  if (result.errors > 0 || result.timeouts > 0 || result.non2xx > 0) {
    const { errors, timeouts, non2xx } = result;
    throw new Error(
      `${load.name}: ${errors} errors, ${timeouts} timeouts, ${non2xx} unexpected statuses`,
    );
  }
  const requests = result.requests.total;
  if (requests === 0) throw new Error(`${load.name}: no request was answered`);
  return { requests, requestsPerS: requests / result.duration };
}

async function h2load(load: Load, pace: readonly string[]): Promise<Saturated> {
  const [host = ""] = load.hosts;
  const fields = Object.entries(load.fields).flatMap(([name, value]) => [
    "-H",
    `${name}: ${value}`,
  ]);
  const text = await output(load, [
    "h2load",
    "-t1",
    `-c${Math.min(load.connections, 16)}`,
    "-m4",
    `--connect-to=127.0.0.1:${load.port}`,
    ...pace,
    ...fields,
    `https://${host}${load.path}`,
  ]);
  const [, done, succeeded, failed, errored, timedOut] =
    /(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/
      .exec(text)
      ?.map(Number) ?? [];
  const [, ok, redirected] = /status codes: (\d+) 2xx, (\d+) 3xx/.exec(text)?.map(Number) ?? [];
  const perS = Number(/finished in [^,]+, ([\d.]+) req\/s/.exec(text)?.[1]);
  if (!succeeded || done !== succeeded || ok === 0 || failed || errored || timedOut || redirected) {
    throw new Error(`${load.name}: ${text}`);
  }
  return { requests: succeeded, requestsPerS: perS };
}

/** Latency at `perS` requests a second, from when each was due. Lost requests are an error unless `isRefusedOnLoss` is false. */
export async function atRate(
  load: Load,
  perS: number,
  seconds: number,
  isRefusedOnLoss = true,
): Promise<FixedRateResult> {
  if (load.protocol === "tls h2") return h2AtRate(load, perS, seconds);
  const client = join(import.meta.dir, "fixed-rate-client.ts");
  const text = await output(load, [
    process.execPath,
    client,
    JSON.stringify({ load, perS, seconds, isRefusedOnLoss }),
  ]);
  return JSON.parse(text);
}

/** h2load paces each of its connections; its log has the microseconds of each request. */
async function h2AtRate(load: Load, perS: number, seconds: number): Promise<FixedRateResult> {
  const log = join(load.folder, "h2load.log");
  await Bun.write(log, "");
  const clients = Math.min(load.connections, 16);
  const each = Math.max(1, Math.round(perS / clients));
  const count = Math.ceil(each * clients * seconds);
  await h2load(load, ["-n", String(count), `--rps=${each}`, `--log-file=${log}`]);
  const us = (await Bun.file(log).text())
    .trimEnd()
    .split("\n")
    .map((line) => Number(line.split("\t")[2]))
    .sort((a, b) => a - b);
  const at = (share: number) => (us[Math.floor((us.length - 1) * share)] ?? Number.NaN) / 1000;
  return {
    requests: us.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    maxMs: at(1),
    dropped: 0,
    reconnects: 0,
  };
}
