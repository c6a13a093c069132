import { expect, test } from "bun:test";
import { requestId } from "./request-id.ts";

test("ids are 24 hex digits and differ, also across batches", () => {
  const ids = Array.from({ length: 2000 }, requestId);
  expect(new Set(ids).size).toBe(2000);
  expect(ids.every((id) => /^[0-9a-f]{24}$/.test(id))).toBe(true);
});
