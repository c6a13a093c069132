import { expect, test } from "bun:test";
import { checksPerNetwork, SignatureTurns } from "./signature-turns.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const taken = (turns: SignatureTurns, client: string) =>
  Array.from({ length: 100 }, () => turns.take(client)).filter(Boolean).length;

test("a network has so many checks in a turn, whatever its addresses, and as many in the next", async () => {
  const turns = new SignatureTurns();
  expect(taken(turns, "2001:db8::1")).toBe(checksPerNetwork);
  expect(taken(turns, "2001:db8::2")).toBe(0);
  expect(taken(turns, "192.0.2.1")).toBe(checksPerNetwork);
  await turn();
  expect(taken(turns, "2001:db8::2")).toBe(checksPerNetwork);
});

test("who waits goes on in later turns, and leaves others theirs", async () => {
  const turns = new SignatureTurns();
  taken(turns, "192.0.2.1");
  let done = 0;
  const all = Array.from({ length: 3 * checksPerNetwork }, () =>
    turns.wait("192.0.2.1").then(() => done++),
  );
  const seen: number[] = [];
  while (done < all.length) {
    await turn();
    seen.push(done);
    expect(taken(turns, "192.0.2.2")).toBe(checksPerNetwork);
  }
  await Promise.all(all);
  const steps = seen.map((count, index) => count - (seen[index - 1] ?? 0));
  expect(Math.max(...steps)).toBeLessThanOrEqual(checksPerNetwork);
});
