import { expect, test } from "bun:test";
import { AccountPlaces } from "./account-places.ts";

const takenBy = (places: AccountPlaces, account: string) => {
  let taken = 0;
  while (places.enter(account)) taken++;
  return taken;
};

test("one account gets its maximum, and half of the places at most", () => {
  expect(takenBy(new AccountPlaces(64, 16), "a")).toBe(16);
  expect(takenBy(new AccountPlaces(64, 100), "a")).toBe(32);
});

test("where some take all they get, one that comes later finds places", () => {
  const places = new AccountPlaces(64, 16);
  for (let n = 0; n < 5; n++) takenBy(places, `greedy ${n}`);
  expect(takenBy(places, "late")).toBe(2);
});

test("what is given back is there for others", () => {
  const places = new AccountPlaces(2, 1);
  expect([places.enter("a"), places.enter("a"), places.enter("b")]).toEqual([true, false, true]);
  expect(places.enter("c")).toBe(false);
  places.leave("a");
  expect([places.enter("c"), places.size]).toEqual([true, 2]);
});
