// The same numbers in OpenMetrics' text format, for who asks for it: with the trace of an example in each bucket that has one.
import { describe, expect, test } from "bun:test";
import { Registry } from "@prometheus-io/client";
import { CountTable, Durations, Instruments } from "../../src/proxy/observe/instruments.ts";
import { openMetricsText, prefersOpenMetrics } from "../../src/proxy/observe/open-metrics.ts";

const trace = "0af7651916cd43dd8448eb211c80319c";

function instruments() {
  const registry = new Registry();
  const durations = new Durations(["a"]);
  const counts = new CountTable(["x"]);
  const made = new Instruments(registry);
  made.durations("test_seconds", "How long.", "row", durations);
  made.counters("test_total", "How many.", ["row"], () => counts.entries());
  made.gauge("test_open", "How many now.", () => 3);
  return { registry, durations, counts };
}

test("counters lose _total in their name alone, and an exemplar names its trace, its value and its time", async () => {
  const { registry, durations, counts } = instruments();
  counts.add(0);
  durations.add(0, 2, trace);
  const lines = (await openMetricsText(registry)).split("\n");
  expect(lines).toContain("# TYPE test counter");
  expect(lines).toContain('test_total{row="x"} 1');
  expect(lines).toContain("test_open 3");
  const bucket = lines.find((line) => line.includes('le="0.0025"')) ?? "";
  expect(bucket).toMatch(
    new RegExp(
      `^test_seconds_bucket\\{.*\\} 1 # \\{trace_id="${trace}"\\} 0\\.002 \\d+(\\.\\d+)?$`,
    ),
  );
  expect(lines.filter((line) => line.includes(trace))).toHaveLength(1);
  expect(lines.slice(-2)).toEqual(["# EOF", ""]);
});

test("the usual format is as before, also after that one was read", async () => {
  const { registry, durations, counts } = instruments();
  counts.add(0);
  durations.add(0, 2, trace);
  const before = await registry.metrics();
  await openMetricsText(registry);
  expect(await registry.metrics()).toBe(before);
  expect(before).toContain('test_total{row="x"} 1');
  expect(before).not.toContain(trace);
});

test("what has no trace leaves the example of its bucket as it is", async () => {
  const { registry, durations } = instruments();
  durations.add(0, 2, trace);
  durations.add(0, 2);
  expect(await openMetricsText(registry)).toContain(trace);
});

describe("Accept", () => {
  const prometheus =
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

  test.each([
    [prometheus, true],
    [null, false],
    ["*/*", false],
    ["text/plain", false],
    ["application/openmetrics-text", true],
    ["application/openmetrics-text;q=0.2, text/plain;q=0.3", false],
    ["application/openmetrics-text;q=0", false],
    ["application/openmetrics-text;q=x", false],
    [`application/openmetrics-text,${"x".repeat(2_000)}`, false],
  ])("%j: OpenMetrics is %p", (accept, expected) => {
    expect(prefersOpenMetrics(accept)).toBe(expected);
  });
});
