import { expect, test } from "bun:test";
import { LimitedLog, linesPerSecondMax } from "./limited-log.ts";

function bench() {
  const lines: [level: string, fields: object, message: string][] = [];
  const note = (level: string) => (fields: object, message: string) => {
    lines.push([level, fields, message]);
  };
  let nowMs = 0;
  const log = new LimitedLog(
    { error: note("error"), warn: note("warn"), info: note("info") },
    () => nowMs,
  );
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { log, lines, pass };
}

test("lines of one kind are limited in a second, and what is left out is counted", () => {
  const { log, lines, pass } = bench();
  for (let i = 0; i < 1_000; i++) log.warn({ i }, "upstream failed");
  expect(lines).toHaveLength(linesPerSecondMax);
  pass(1_000);
  log.warn({ i: 1_000 }, "upstream failed");
  expect(lines.slice(linesPerSecondMax)).toEqual([
    ["warn", { leftOut: 990, of: "upstream failed" }, "log lines left out: too many in a second"],
    ["warn", { i: 1_000 }, "upstream failed"],
  ]);
  expect(log.leftOut).toBe(990);
});

test("the count comes even when no line follows", async () => {
  const { log, lines } = bench();
  for (let i = 0; i < 11; i++) log.error({}, "a call failed");
  await Bun.sleep(1_100);
  expect(lines.at(-1)?.[1]).toEqual({ leftOut: 1, of: "a call failed" });
});

test("one kind does not displace another, nor another level", () => {
  const { log, lines } = bench();
  for (let i = 0; i < 100; i++) log.warn({}, "one");
  log.warn({}, "two");
  log.error({}, "one");
  expect(lines.slice(-2).map(([level, , message]) => [level, message])).toEqual([
    ["warn", "two"],
    ["error", "one"],
  ]);
});

test("messages without end do not grow the memory, nor the log", () => {
  const { log, lines } = bench();
  for (let i = 0; i < 10_000; i++) log.info({}, `message ${i}`);
  expect(lines.length).toBeLessThan(300);
});
