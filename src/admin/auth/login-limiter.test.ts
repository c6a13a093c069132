import { expect, test } from "bun:test";
import { ApiError } from "../../../proto/call.ts";
import { LoginLimiter } from "./login-limiter.ts";

const fails = async () => false;
const succeeds = async () => true;
const here = "192.0.2.1";
const there = "192.0.2.2";

async function refusal(attempt: Promise<unknown>): Promise<ApiError> {
  const outcome = await attempt.catch((error: unknown) => error);
  if (!(outcome instanceof ApiError)) throw new Error(`not refused: ${outcome}`);
  return outcome;
}

test("a network is refused after 1,000 failures, with a retry time, and accepted after it", async () => {
  let nowS = 100;
  const limiter = new LoginLimiter(() => nowS);
  for (let failure = 0; failure < 1000; failure++) await limiter.attempt(here, fails);
  expect((await refusal(limiter.attempt(here, succeeds))).retryAfterS).toBe(1800);
  expect(await limiter.attempt(there, succeeds)).toBe(true);
  nowS += 1799;
  expect((await refusal(limiter.attempt(here, succeeds))).retryAfterS).toBe(1);
  nowS += 1;
  expect(await limiter.attempt(here, succeeds)).toBe(true);
});

test("successes are not counted", async () => {
  const limiter = new LoginLimiter(() => 0);
  for (let success = 0; success < 2000; success++) await limiter.attempt(here, succeeds);
  expect(await limiter.attempt(here, succeeds)).toBe(true);
});

test("two run at a time, 64 wait, and the next is refused", async () => {
  const limiter = new LoginLimiter(() => 0);
  let running = 0;
  let most = 0;
  const finish = Promise.withResolvers<void>();
  const slow = async () => {
    most = Math.max(most, ++running);
    await finish.promise;
    running--;
    return true;
  };
  const attempts = Array.from({ length: 66 }, () => limiter.attempt(here, slow));
  expect((await refusal(limiter.attempt(here, slow))).retryAfterS).toBe(5);
  finish.resolve();
  expect(await Promise.all(attempts)).toEqual(Array(66).fill(true));
  expect(most).toBe(2);
  expect(await limiter.attempt(here, succeeds)).toBe(true);
});

test("concurrent attempts are counted before they fail", async () => {
  const limiter = new LoginLimiter(() => 0);
  for (let failure = 0; failure < 995; failure++) await limiter.attempt(here, fails);
  const attempts = Array.from({ length: 50 }, () => limiter.attempt(here, fails));
  const outcomes = await Promise.allSettled(attempts);
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
});

test("a check that throws, or never ran, does not count as a failure", async () => {
  const limiter = new LoginLimiter(() => 0);
  const broken = async () => Promise.reject(new Error("the disk is on fire"));
  for (let attempt = 0; attempt < 1000; attempt++) {
    await expect(limiter.attempt(here, broken)).rejects.toThrow("the disk is on fire");
  }
  expect(await limiter.attempt(here, succeeds)).toBe(true);
});
