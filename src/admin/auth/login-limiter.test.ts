import { expect, test } from "bun:test";
import { ApiError } from "../../../proto/call.ts";
import { LoginLimiter, loginLimits } from "./login-limiter.ts";

const fails = async () => false;
const succeeds = async () => true;
const here = "192.0.2.1";
const there = "192.0.2.2";
const ada = { clientAddress: here, account: "ada" };
const bob = { clientAddress: here, account: "bob" };
const adaThere = { clientAddress: there, account: "ada" };

async function refusal(attempt: Promise<unknown>): Promise<ApiError> {
  const outcome = await attempt.catch((error: unknown) => error);
  if (!(outcome instanceof ApiError)) throw new Error(`not refused: ${outcome}`);
  return outcome;
}

/** `count` failed attempts, each from another network. */
async function failEverywhere(limiter: LoginLimiter, account: string, count: number) {
  for (let n = 0; n < count; n++) {
    const clientAddress = `10.0.${n >> 8}.${n & 255}`;
    await limiter.attempt({ clientAddress, account }, fails);
  }
}

test("an account is refused in a network after ten failures, for a time that doubles with each", async () => {
  let nowS = 100;
  let checks = 0;
  const limiter = new LoginLimiter(() => nowS);
  const wrong = async () => ++checks < 0;
  for (let failure = 0; failure < 10; failure++)
    expect(await limiter.attempt(ada, wrong)).toBe(false);
  const waits = [];
  for (let failure = 0; failure < 12; failure++) {
    const { retryAfterS } = await refusal(limiter.attempt(ada, wrong));
    waits.push(retryAfterS);
    nowS += retryAfterS ?? 0;
    await limiter.attempt(ada, wrong);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
  // What was refused computed no hash.
  expect(checks).toBe(22);
  nowS += loginLimits.fromNetwork.forgetS;
  for (let failure = 0; failure < 10; failure++)
    expect(await limiter.attempt(ada, wrong)).toBe(false);
});

test("an account that is under attack gets in from another network, and other accounts from the same", async () => {
  const limiter = new LoginLimiter(() => 0);
  for (let failure = 0; failure < 1000; failure++)
    await limiter.attempt(ada, fails).catch(() => null);
  expect(await limiter.attempt(bob, succeeds)).toBe(true);
  expect(await limiter.attempt(adaThere, succeeds)).toBe(true);
});

test("1,000 failures for as many accounts keep nobody out of a network", async () => {
  const limiter = new LoginLimiter(() => 0);
  for (let n = 0; n < 1000; n++) {
    await limiter.attempt({ clientAddress: here, account: `${n}` }, fails);
  }
  expect(await limiter.attempt(ada, succeeds)).toBe(true);
});

test("names that differ in case are one account, and an IPv6 /64 is one network", async () => {
  const limiter = new LoginLimiter(() => 0);
  for (let n = 0; n < 10; n++) {
    const account = n % 2 === 0 ? "Ada@Example.test" : "ada@example.test";
    await limiter.attempt({ clientAddress: `2001:db8::${n}`, account }, fails);
  }
  await refusal(
    limiter.attempt({ clientAddress: "2001:db8::99", account: "ADA@example.test" }, fails),
  );
});

test("failures from many networks delay an account, but not where it has logged in before", async () => {
  let nowS = 0;
  const limiter = new LoginLimiter(() => nowS);
  await limiter.attempt(ada, succeeds);
  await failEverywhere(limiter, "ada", 100);
  expect((await refusal(limiter.attempt(adaThere, succeeds))).retryAfterS).toBe(1);
  expect(await limiter.attempt(ada, succeeds)).toBe(true);
  // A failure is answered there as it is elsewhere.
  expect((await refusal(limiter.attempt(ada, fails))).retryAfterS).toBe(1);
  expect((await refusal(limiter.attempt(adaThere, succeeds))).retryAfterS).toBe(2);
  nowS += 2;
  expect(await limiter.attempt(adaThere, succeeds)).toBe(true);
});

test("the delay of an account stays under a minute", async () => {
  let nowS = 0;
  const limiter = new LoginLimiter(() => nowS);
  for (let n = 0; n < 200; n++) {
    await limiter.attempt({ clientAddress: `10.1.0.${n}`, account: "ada" }, fails);
    nowS += n < 99 ? 0 : 60;
  }
  await limiter.attempt({ clientAddress: "10.2.0.1", account: "ada" }, fails);
  expect((await refusal(limiter.attempt(ada, succeeds))).retryAfterS).toBe(60);
});

test("work is counted for a network, also when the password is right", async () => {
  let nowS = 0;
  const limiter = new LoginLimiter(() => nowS);
  const { burst, perSecond } = loginLimits.work;
  for (let n = 0; n < burst; n++) await limiter.attempt(ada, succeeds);
  expect((await refusal(limiter.attempt(bob, succeeds))).retryAfterS).toBe(1 / perSecond);
  await refusal(limiter.hashing(bob, async () => "hash"));
  expect(await limiter.attempt(adaThere, succeeds)).toBe(true);
  nowS += 1 / perSecond;
  expect(await limiter.attempt(bob, succeeds)).toBe(true);
});

test("in a network that has used up its work, an account that has logged in there still gets in", async () => {
  const limiter = new LoginLimiter(() => 0);
  await limiter.attempt(ada, succeeds);
  for (let n = 1; n < loginLimits.work.burst; n++) {
    await limiter.attempt({ clientAddress: here, account: `${n}` }, fails);
  }
  const { retryAfterS } = await refusal(limiter.attempt(bob, succeeds));
  expect(await limiter.attempt(ada, succeeds)).toBe(true);
  // A wrong password does not tell that it is one of them.
  expect((await refusal(limiter.attempt(ada, fails))).retryAfterS).toBe(retryAfterS);
  for (let n = 2; n < loginLimits.reserve.burst; n++) await limiter.attempt(ada, succeeds);
  await refusal(limiter.attempt(ada, succeeds));
});

test("concurrent attempts are counted before they fail", async () => {
  const limiter = new LoginLimiter(() => 0);
  for (let failure = 0; failure < 5; failure++) await limiter.attempt(ada, fails);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 50 }, () => limiter.attempt(ada, fails)),
  );
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
});

test("a check that throws, or never ran, does not count as a failure", async () => {
  const limiter = new LoginLimiter(() => 0);
  const broken = async () => Promise.reject(new Error("the disk is on fire"));
  for (let attempt = 0; attempt < 1000; attempt++) {
    await expect(limiter.attempt(ada, broken)).rejects.toThrow("the disk is on fire");
  }
  expect(await limiter.attempt(ada, succeeds)).toBe(true);
});

test("control planes that share their counts allow few guesses more than one, and no network more for it", async () => {
  const nowS = 0;
  const counts = new Map<string, number>();
  const countShared = async (key: string) => {
    const used = (counts.get(key) ?? 0) + 1;
    counts.set(key, used);
    return { used, endS: 1_800 };
  };
  const limiters = [1, 2, 3].map(() => new LoginLimiter(() => nowS, countShared));
  let guesses = 0;
  const wrong = async () => ++guesses < 0;
  for (let round = 0; round < 40; round++) {
    for (const limiter of limiters) await limiter.attempt(ada, wrong).catch(() => false);
  }
  // Alone each would allow ten. The tenth stops whoever sees it; the two others hear of it by one more each.
  expect(guesses).toBe(12);
  for (const limiter of limiters) {
    expect((await refusal(limiter.attempt(ada, succeeds))).retryAfterS).toBeGreaterThan(0);
    expect(await limiter.attempt(adaThere, succeeds)).toBe(true);
    expect(await limiter.attempt(bob, succeeds)).toBe(true);
  }
});
