import { expect, test } from "bun:test";
import { AbandonedAttempts } from "./abandoned-attempts.ts";

test("an address has so many, whichever its ports, and no other is kept from its own", () => {
  const abandoned = new AbandonedAttempts({ perAddressMax: 3, max: 5 });
  for (let n = 0; n < 3; n++) abandoned.add("10.0.0.1");
  expect([abandoned.hasRoom("10.0.0.1"), abandoned.hasRoom("10.0.0.2")]).toEqual([false, true]);
  for (let n = 0; n < 2; n++) abandoned.add("10.0.0.2");
  // All of them are too many: who has one gets no further, who has none does.
  expect([abandoned.hasRoom("10.0.0.2"), abandoned.hasRoom("10.0.0.3")]).toEqual([false, true]);
  for (let n = 0; n < 3; n++) abandoned.remove("10.0.0.1");
  expect(["10.0.0.1", "10.0.0.2"].map((address) => abandoned.hasRoom(address))).toEqual([
    true,
    true,
  ]);
  expect(abandoned.count).toBe(2);
});
