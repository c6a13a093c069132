import { expect, test } from "bun:test";
import { RefusalLog, refusalLinesPerSecondMax } from "./refusal-log.ts";

test("at most so many lines a second, then how many were dropped", () => {
  const lines: object[] = [];
  const never = () => {
    throw new Error("a refusal is no trouble of ours");
  };
  const log = new RefusalLog({ info: (fields) => lines.push(fields), warn: never, error: never });
  const note = (requestId: string, nowMs: number) =>
    log.note(
      { requestId, reason: "denied", program: "http", instance: 80, project: "p", container: "c" },
      nowMs,
    );
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
