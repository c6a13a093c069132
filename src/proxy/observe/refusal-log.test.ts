import { expect, test } from "bun:test";
import { RefusalLog, refusalLinesPerSecondMax, unroutedLinesPerSecondMax } from "./refusal-log.ts";

const place = { program: "http", instance: 80, project: "p", container: "c" };

test("at most so many lines a second, then how many were dropped", () => {
  const lines: object[] = [];
  const never = () => {
    throw new Error("a refusal is no trouble of ours");
  };
  const log = new RefusalLog({ info: (fields) => lines.push(fields), warn: never, error: never });
  const note = (requestId: string, nowMs: number) =>
    log.note({ requestId, reason: "denied", client: "203.0.113.9", place }, nowMs);
  for (let i = 0; i < refusalLinesPerSecondMax + 3; i++) {
    note(`r${i}`, 5_000 + i);
  }
  expect(lines).toHaveLength(refusalLinesPerSecondMax);
  note("late", 5_999);
  expect(lines).toHaveLength(refusalLinesPerSecondMax);
  note("next", 6_000);
  expect(lines.slice(refusalLinesPerSecondMax)).toEqual([
    { dropped: 4 },
    expect.objectContaining({ requestId: "next" }),
  ]);
});

test("what is for no container has a line, too, and pushes out nothing else", () => {
  const lines: object[] = [];
  const log = new RefusalLog({ info: (fields) => lines.push(fields), warn() {}, error() {} });
  const client = "203.0.113.9";
  for (let i = 0; i < unroutedLinesPerSecondMax + 3; i++) {
    log.note({ requestId: `r${i}`, reason: "unknown_host", client, place: null }, 5_000 + i);
  }
  expect(lines).toHaveLength(unroutedLinesPerSecondMax);
  expect(lines[0]).toEqual({ requestId: "r0", reason: "unknown_host", client });
  log.note({ requestId: "asked for", reason: "denied", client, place }, 5_999);
  expect(lines.at(-1)).toEqual({ requestId: "asked for", reason: "denied", client, ...place });
  expect(log.dropped).toBe(3);
});
