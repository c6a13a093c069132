import { expect, test } from "bun:test";
import { ForwardedPings } from "./forwarded-pings.ts";

const bytes = (text: string) => Buffer.from(text);

test("an answer to what was sent is one, once", () => {
  const pings = new ForwardedPings();
  pings.sent(bytes("a"));
  pings.sent(bytes("a"));
  const answers = ["b", "a", "a", "a"].map((text) => pings.answered(bytes(text)));
  expect(answers).toEqual([false, true, true, false]);
});

test("who answers the latest has answered those before", () => {
  const pings = new ForwardedPings();
  for (const text of ["a", "", "c"]) {
    pings.sent(bytes(text));
  }
  expect(pings.answered(bytes(""))).toBe(true);
  expect(pings.answered(bytes("a"))).toBe(false);
  expect(pings.answered(bytes("c"))).toBe(true);
});

test("more than 256 are not remembered", () => {
  const pings = new ForwardedPings();
  for (let i = 0; i < 257; i++) {
    pings.sent(bytes(String(i)));
  }
  expect(pings.answered(bytes("0"))).toBe(false);
  expect(pings.answered(bytes("1"))).toBe(true);
});
