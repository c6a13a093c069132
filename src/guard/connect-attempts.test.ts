import { expect, test } from "bun:test";
import { type ConnectAttempt, ConnectAttempts } from "./connect-attempts.ts";

/** So many attempts, all of which were let through. */
function begun(attempts: ConnectAttempts, address: string, count: number): ConnectAttempt[] {
  return Array.from({ length: count }, () => {
    const attempt = attempts.begin(address);
    if (attempt === null) throw new Error("refused");
    return attempt;
  });
}

test("an address that answers may have any number under way", () => {
  const attempts = new ConnectAttempts({ perAddressMax: 3, max: 5 });
  for (const attempt of begun(attempts, "10.0.0.1", 100)) attempt.settled();
  expect(attempts.dropped).toBe(0);
  expect(attempts.begin("10.0.0.1")).not.toBeNull();
});

test("once one was dropped, those that are under way count with those that were", () => {
  const attempts = new ConnectAttempts({ perAddressMax: 3, max: 5 });
  const [first, second] = begun(attempts, "10.0.0.1", 3);
  expect(attempts.begin("10.0.0.1")).not.toBeNull();
  first?.drop();
  first?.drop();
  expect([attempts.dropped, attempts.begin("10.0.0.1")]).toEqual([1, null]);
  // The system is done with it: nothing says that the address does not answer.
  first?.settled();
  first?.settled();
  second?.settled();
  second?.drop();
  expect(attempts.dropped).toBe(0);
  expect(attempts.begin("10.0.0.1")).not.toBeNull();
});

test("too many of all leave one to each address, and no address is kept from its own", () => {
  const attempts = new ConnectAttempts({ perAddressMax: 3, max: 5 });
  const ones = begun(attempts, "10.0.0.1", 3);
  for (const attempt of [...ones, ...begun(attempts, "10.0.0.2", 2)]) attempt.drop();
  const third = attempts.begin("10.0.0.3");
  expect(third).not.toBeNull();
  expect(["10.0.0.1", "10.0.0.2", "10.0.0.3"].map((each) => attempts.begin(each))).toEqual([
    null,
    null,
    null,
  ]);
  for (const attempt of ones) attempt.settled();
  expect(attempts.begin("10.0.0.3")).not.toBeNull();
});
