import { expect, test } from "bun:test";
import { until, within } from "./until.ts";

test("until answers with what was found, however often it had to look", async () => {
  let looks = 0;
  expect(await until(() => (++looks === 150 ? `at ${looks}` : undefined), "150 looks")).toBe(
    "at 150",
  );
  expect(await until(async () => 0, "a number, and zero is one")).toBe(0);
});

test("until names what did not come", async () => {
  const waiting = until(() => false, "the cows are home", 10);
  expect(waiting).rejects.toThrow("not within 10 ms: the cows are home");
  expect(until(() => Promise.reject(new Error("lost")), "anything")).rejects.toThrow("lost");
});

test("within passes a result and a failure on, and names what did not come", async () => {
  expect(await within(Promise.resolve("here"), "a word")).toBe("here");
  expect(within(Promise.reject(new Error("lost")), "a word")).rejects.toThrow("lost");
  expect(within(new Promise(() => {}), "a word", 10)).rejects.toThrow("not within 10 ms: a word");
});
