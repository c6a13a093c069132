import { expect, test } from "bun:test";
import { ApiError, NetworkError, type NetworkErrorKind } from "./errors.ts";
import { retryAfterS, waitMs } from "./retry.ts";

const refused = (statusCode: number, retryAfterS: number | null = null) =>
  new ApiError({ statusCode, code: "C", message: "M", method: "GET", path: "/", retryAfterS });
const away = (kind: NetworkErrorKind) => new NetworkError(kind, "https://a.example", "M");

test.each([
  ["the first backoff, at least", refused(503), 1, 0, 50],
  ["the first backoff, at most", refused(503), 1, 1, 100],
  ["the second one is twice as long", refused(503), 2, 1, 200],
  ["no backoff is longer than ten seconds", refused(503), 20, 1, 10_000],
  ["as long as the server asks", refused(429, 3), 1, 0, 3_000],
  ["ten seconds are still waited for", refused(429, 10), 1, 0, 10_000],
  ["eleven are not", refused(429, 11), 1, 0, null],
  ["nothing asked for is the backoff", refused(429, 0), 1, 1, 100],
  ["what is wrong stays wrong", refused(500), 1, 1, null],
  ["nothing listens yet", away("refused"), 1, 1, 100],
  ["the connection broke", away("other"), 1, 1, 100],
  ["no such host", away("dns"), 1, 1, null],
  ["a certificate that does not verify", away("certificate"), 1, 1, null],
  ["its time was up", away("timeout"), 1, 1, null],
  ["the caller gave up", away("aborted"), 1, 1, null],
  ["a bug", new Error("x"), 1, 1, null],
])("%s", (_why, failure, attempt, random, expected) => {
  expect(waitMs(failure, attempt, random)).toBe(expected);
});

const now = Date.UTC(2026, 0, 1);

test.each([
  [null, null],
  ["5", 5],
  ["0", 0],
  ["-5", null],
  ["soon", null],
  [new Date(now + 4_500).toUTCString(), 4],
  [new Date(now + 5_000).toUTCString(), 5],
  [new Date(now - 5_000).toUTCString(), 0],
])("Retry-After %p is %p seconds", (header, seconds) => {
  expect(retryAfterS(header, now)).toBe(seconds);
});
