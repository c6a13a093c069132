import { expect, test } from "bun:test";
import { BodyPace } from "./body-pace.ts";

/** After how many of 1,000 parts the body is too slow; null: it never is. */
function slowAfter(bytes: number, everyMs: number): number | null {
  const pace = new BodyPace(240);
  for (let part = 1; part <= 1_000; part++) if (!pace.keeps(bytes, everyMs)) return part;
  return null;
}

test.each([
  ["one byte every 59 s", 1, 59_000, 2],
  ["one byte a second", 1, 1_000, 60],
  ["3 bytes a second", 3, 1_000, 60],
  ["4 bytes a second", 4, 1_000, null],
  ["64 KiB every 59 s", 65_536, 59_000, null],
  ["without waiting for the client", 1, 0, null],
])("a body of %s", (_what, bytes, everyMs, slow) => {
  expect(slowAfter(bytes, everyMs)).toBe(slow);
});
