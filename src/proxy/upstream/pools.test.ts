import { expect, test } from "bun:test";
import { ConnectAttempts } from "../../guard/connect-attempts.ts";
import { placesLeft } from "./pools.ts";

test("connections that are still being made for nobody take the places whose descriptors they have", () => {
  const attempts = new ConnectAttempts();
  const three = [1, 2, 3].map(() => attempts.begin("10.0.0.1"));
  expect(placesLeft(10, attempts)).toBe(10);
  for (const attempt of three) attempt?.drop();
  expect([placesLeft(10, attempts), placesLeft(1, attempts)]).toEqual([8, 1]);
  for (const attempt of three) attempt?.settled();
  expect(placesLeft(10, attempts)).toBe(10);
});
