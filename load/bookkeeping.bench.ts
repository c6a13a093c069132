/**
 * What the gate writes down about a request: `bun load/bookkeeping.bench.ts`, about ten seconds. Each line is the best of several
 * rounds, in ns a request, in one warm process on one core, with 64 exchanges active at a time; the access log is off. A line
 * "without" leaves one part out, and its part is what that saves.
 */
import { ActiveExchanges } from "../src/proxy/exchange/active-exchanges.ts";
import { Exchange, type ExchangeWatch } from "../src/proxy/exchange/exchange.ts";
import { requestId } from "../src/proxy/exchange/request-id.ts";
import type { Allowed, AuthorizationRequest } from "../src/proxy/gate/authorize.ts";
import { RequestCredentials } from "../src/proxy/gate/credentials.ts";
import { Metrics } from "../src/proxy/observe/metrics.ts";
import { hostParser } from "../src/proxy/routing/host.ts";
import { Snapshot } from "../src/proxy/snapshot/snapshot.ts";

const ROUND_MS = 20;
const ROUNDS = 60;
const ACTIVE = 64;

interface Parts {
  readonly ids: boolean;
  readonly exchanges: boolean;
  readonly registry: boolean;
  readonly metrics: boolean;
}

const all: Parts = { ids: true, exchanges: true, registry: true, metrics: true };
const log = { error: () => {}, warn: () => {}, info: () => {} };
const snapshot = Snapshot.empty({
  serverName: "local",
  programPorts: {},
  mayDial: () => true,
  log,
});
const active = new ActiveExchanges(() => snapshot, log);
const metrics = new Metrics({
  open: () => active.size,
  revision: () => 0n,
  feedFailures: () => 0,
  feedReadAtMs: () => null,
  refusalLinesDropped: () => 0,
  accessLines: () => ({ written: 0, dropped: 0 }),
});
const noWatch: ExchangeWatch = { answered: () => {}, ended: () => {} };
const host = hostParser(
  "local",
  "example.test",
)(`${"a".repeat(24)}-${"c".repeat(24)}-terminal-1.local.containers.example.test`);
if (host.kind !== "direct") throw new Error("no host");
const request: AuthorizationRequest = {
  host,
  presented: new RequestCredentials(new Headers(), "/"),
  client: "192.0.2.1",
  isPreflight: false,
};
const allowed = {
  allow: true,
  host,
  alias: null,
  route: { policy: null, program: "terminal", instance: 1 },
  groups: null,
  consumedCredentials: [],
  jwtSources: [],
  unverifiedSources: [],
  passedPreflight: false,
  untilMs: Number.POSITIVE_INFINITY,
} as unknown as Allowed;
const connection = { exchangeBegan: () => {}, exchangeEnded: () => {} };

/** Something must be done with the results, or they are not computed. */
let sum = 0;

function begin({ ids, exchanges, metrics: counts, registry }: Parts): () => void {
  const id = ids ? requestId() : "";
  if (!exchanges) {
    sum += id.length;
    return () => {};
  }
  const exchange = new Exchange(counts ? metrics : noWatch, id, "GET", request.client);
  exchange.target = "/";
  exchange.authorized(request, allowed);
  const going = registry ? active.begin(exchange, request, allowed, snapshot, connection) : null;
  return () => {
    exchange.upstreamMs = 1;
    exchange.passes(200);
    exchange.bytes += 128;
    if (going === null) exchange.ended("complete");
    else going.end("complete");
    sum += exchange.headMs;
  };
}

function measure(parts: Parts): number {
  const waiting: (() => void)[] = Array.from({ length: ACTIVE }, () => begin(parts));
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    let calls = 0;
    while (performance.now() - start < ROUND_MS) {
      for (const end = calls + 512; calls < end; calls++) {
        const place = calls % ACTIVE;
        waiting[place]?.();
        waiting[place] = begin(parts);
      }
    }
    best = Math.min(best, ((performance.now() - start) / calls) * 1e6);
  }
  for (const finish of waiting) finish();
  return best;
}

const rows: [string, Parts][] = [
  ["all of it", all],
  ["  without request ids", { ...all, ids: false }],
  ["  without the registry of active exchanges", { ...all, registry: false }],
  ["  without metrics", { ...all, metrics: false }],
  ["  without any of it", { ids: false, exchanges: false, registry: false, metrics: false }],
];
// Until the code is compiled.
for (const [, parts] of rows) measure(parts);
for (const [name, parts] of rows) {
  console.log(`${name.padEnd(46)} ${measure(parts).toFixed(0).padStart(6)} ns`);
}
if (sum === 0) throw new Error("nothing was measured");
process.exit(0);
