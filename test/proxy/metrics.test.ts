import { describe, expect, test } from "bun:test";
import { canonicalProgram } from "../../src/policy/program.ts";
import { EXCHANGE_REASONS, Exchange } from "../../src/proxy/exchange/exchange.ts";
import { REFUSAL_REASONS } from "../../src/proxy/gate/refusal.ts";
import { KIT_PROGRAMS, Metrics, type Observed } from "../../src/proxy/observe/metrics.ts";
import { randomFrom } from "../arbitrary/random.ts";
import { type Family, parsePrometheusText, sampleValue } from "../harness/prometheus-text.ts";

const NOTHING: Observed = {
  open: () => 0,
  revision: () => 0n,
  feedFailures: () => 0,
  feedReadAtMs: () => null,
  refusalLinesDropped: () => 0,
  accessLines: () => ({ written: 0, dropped: 0 }),
};

async function scrape(metrics: Metrics): Promise<Map<string, Family>> {
  return parsePrometheusText(await metrics.text());
}

/** An exchange as the proxy leads it, with the program that was asked for. */
function exchangeWith(metrics: Metrics, program: string): Exchange {
  const watch = {
    answered: (exchange: Exchange) => metrics.answered(exchange),
    ended: (exchange: Exchange) => metrics.ended(exchange),
  };
  const exchange = new Exchange(watch, "id", "GET", "127.0.0.1");
  const host = { kind: "direct", project: "p", container: "c", program, instance: 1 } as const;
  const question = {
    host,
    presented: { header: no, cookie: no, param: no },
    client: "",
    isPreflight: false,
  };
  exchange.authorized(question, {
    allow: false,
    host,
    reason: "denied",
    denial: undefined,
    wrongCredential: false,
    isReadable: false,
    subject: null,
  });
  return exchange;
}

const no = () => null;

test("a registry of its own, which Prometheus can read before anything happened", async () => {
  const metrics = new Metrics(NOTHING);
  const other = new Metrics(NOTHING);
  exchangeWith(other, "http").refused("denied", 403);
  const families = await scrape(metrics);
  expect(metrics.contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(families.get("realmgate_requests_total")?.samples).toEqual([]);
  expect(families.get("realmgate_build_info")?.samples[0]?.labels.bun).toBe(Bun.version);
});

test("labels stay bounded, however many programs tenants name", async () => {
  const metrics = new Metrics(NOTHING);
  const random = randomFrom(7);
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  const names = random.list(10_000, (index) => {
    const rest = random.list(random.between(1, 30), () => random.pick([...letters])).join("");
    return index < 3 ? ["__proto__", "constructor", "none"][index] : `x${index}${rest}`;
  });
  for (const [index, name = ""] of names.entries()) {
    const exchange = exchangeWith(metrics, name);
    if (index % 2 === 0) {
      exchange.refused(random.pick(REFUSAL_REASONS), 403);
    } else {
      exchange.upstreamMs = random.below(100_000);
      exchange.passes(random.pick([101, 200, 204, 301, 404, 599]));
      exchange.ended("complete");
    }
  }
  const families = await scrape(metrics);
  const labels = [...families.values()].flatMap(({ samples }) =>
    samples.flatMap((sample) => Object.entries(sample.labels)),
  );
  const of = (name: string) => [
    ...new Set(labels.filter(([label]) => label === name).map(([, value]) => value)),
  ];
  expect(of("program").sort()).toEqual(["none", "other"]);
  expect(of("reason").length).toBeLessThanOrEqual(EXCHANGE_REASONS.length);
  expect(of("class").sort()).toEqual(["1xx", "2xx", "3xx", "4xx", "5xx"]);
  const requests = families.get("realmgate_requests_total")?.samples ?? [];
  expect(requests.reduce((sum, { value }) => sum + value, 0)).toBe(10_000);
  expect(labels.length).toBeLessThan(500);
});

test("each program of the kit has its own series, and goes by its canonical name", async () => {
  const metrics = new Metrics(NOTHING);
  for (const program of KIT_PROGRAMS) {
    expect(canonicalProgram(program)).toBe(program);
    exchangeWith(metrics, program).refused("denied", 403);
  }
  const families = await scrape(metrics);
  const samples = families.get("realmgate_requests_total")?.samples ?? [];
  expect(samples.map(({ labels }) => labels.program)).toEqual([...KIT_PROGRAMS]);
});

test("every reason has a place of its own", async () => {
  const metrics = new Metrics(NOTHING);
  for (const reason of REFUSAL_REASONS) {
    exchangeWith(metrics, "http").refused(reason, 503);
    metrics.revoked(reason);
  }
  const families = await scrape(metrics);
  for (const reason of REFUSAL_REASONS) {
    const labels = { program: "http", reason };
    expect([reason, sampleValue(families, "realmgate_requests_total", labels)]).toEqual([
      reason,
      1,
    ]);
    expect([reason, sampleValue(families, "realmgate_revocations_total", { reason })]).toEqual([
      reason,
      1,
    ]);
  }
});

describe("a duration", () => {
  test.each([
    [0, "0.0005"],
    [0.5, "0.0005"],
    [0.500_001, "0.001"],
    [1_000, "1"],
    [60_000, "60"],
    [60_000.001, "+Inf"],
  ])("of %d ms is in the bucket up to %s and in all after it", async (ms, le) => {
    const metrics = new Metrics(NOTHING);
    const exchange = exchangeWith(metrics, "terminal");
    exchange.upstreamMs = ms;
    exchange.passes(200);
    const family = (await scrape(metrics)).get("realmgate_upstream_head_seconds");
    const buckets = (family?.samples ?? []).filter(({ name }) => name.endsWith("_bucket"));
    expect(buckets).toHaveLength(17);
    expect(buckets.find(({ value }) => value === 1)?.labels).toEqual({ program: "terminal", le });
    expect(family?.samples.find(({ name }) => name.endsWith("_sum"))?.value).toBeCloseTo(ms / 1000);
  });
});

test("what others keep is read at each scrape", async () => {
  let revision = 41n;
  const metrics = new Metrics({
    ...NOTHING,
    open: () => 3,
    revision: () => ++revision,
    feedFailures: () => 2,
    feedReadAtMs: () => 1_700_000_000_500,
    refusalLinesDropped: () => 5,
    accessLines: () => ({ written: 7, dropped: 6 }),
  });
  metrics.webSockets.opened();
  metrics.webSockets.opened();
  metrics.webSockets.closed();
  metrics.tunnels.opened();
  await scrape(metrics);
  const families = await scrape(metrics);
  const values = [
    "realmgate_exchanges_open",
    "realmgate_snapshot_revision",
    "realmgate_feed_failures_total",
    "realmgate_feed_read_timestamp_seconds",
    "realmgate_refusal_lines_dropped_total",
    "realmgate_access_log_lines_total",
    "realmgate_access_log_lines_dropped_total",
    "realmgate_websockets_open",
    "realmgate_websockets_total",
    "realmgate_tunnels_open",
  ].map((name) => sampleValue(families, name));
  expect(values).toEqual([3, 43, 2, 1_700_000_000.5, 5, 7, 6, 1, 2, 1]);
});

test("of the process it says what is true of this runtime, and nothing that is always 0", async () => {
  const [nowS, uptimeS] = [Date.now() / 1000, process.uptime()];
  const families = await scrape(new Metrics(NOTHING));
  const startedS = sampleValue(families, "process_start_time_seconds");
  // Rounded to seconds; what passes meanwhile is in both bounds.
  expect(startedS).toBeGreaterThanOrEqual(nowS - process.uptime() - 1);
  expect(startedS).toBeLessThanOrEqual(Date.now() / 1000 - uptimeS + 1);
  expect(sampleValue(families, "process_resident_memory_bytes")).toBeGreaterThan(1e6);
  expect(sampleValue(families, "process_open_fds")).toBeGreaterThan(2);
  expect(
    [...families.keys()].filter((name) => /handles|resources|requests$|gc_|version/.test(name)),
  ).toEqual([]);
});
