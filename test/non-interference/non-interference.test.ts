// What is outside a caller's realm does not exist for it: its answers are the same in two universes that differ only there.
import { expect, test } from "bun:test";
import type { EventViewer } from "../../src/admin/store/event-records.ts";
import type { Scope } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import { play } from "./run.ts";

const calls = 80;
const runs = 12;
const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);

test("a confined caller is answered alike, byte for byte, whatever is outside its realm", async () => {
  const statuses = new Map<number, number>();
  for (let run = 0; run < runs; run++) {
    const result = await play(seed + run, calls);
    if (result.difference !== null) {
      throw new Error(
        `REALMGATE_TEST_SEED=${seed + run}: ${JSON.stringify(result.difference, null, 2)}`,
      );
    }
    for (const [status, count] of result.statuses) {
      statuses.set(status, (statuses.get(status) ?? 0) + count);
    }
  }
  expect(statuses.get(500)).toBeUndefined();
  // The run is about something: calls succeed, make things, and are refused.
  for (const status of [200, 201, 403, 404, 409, 412]) {
    expect(`${status}: ${statuses.get(status) ?? 0}`).not.toBe(`${status}: 0`);
  }
}, 120_000);

/** A store whose method sees everything of the user's, in whatever realm and of whatever token: a condition is gone. */
function leaking(method: keyof Store): (store: Store) => Store {
  return (store) => {
    const call = store[method] as (by: Scope | EventViewer, ...rest: unknown[]) => unknown;
    const all = { realms: [], confinedTo: null, madeFrom: null };
    const unscoped = (by: Scope | EventViewer, ...rest: unknown[]) => {
      const everywhere =
        "scope" in by ? { ...by, scope: { ...by.scope, ...all } } : { ...by, ...all };
      return call.call(store, everywhere, ...rest);
    };
    return { ...store, [method]: unscoped };
  };
}

test.each([
  "access",
  "projects",
  "deleteProject",
  "container",
  "containers",
  "document",
  "effectiveState",
  "aliases",
  "tokens",
  "token",
  "realms",
  "events",
  "eventCounts",
] as const)(
  "the property fails when %s of the store forgets the realm",
  async (method) => {
    for (let run = 0; run < 60; run++) {
      if ((await play(run, calls, leaking(method))).difference !== null) return;
    }
    throw new Error("the leak was not seen");
  },
  120_000,
);
